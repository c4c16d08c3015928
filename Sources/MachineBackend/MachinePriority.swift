internal import ApplianceModel
package import Basics

/// How a machine's process is to be treated beside the others of its host. What is nil is left as the host has it.
package struct MachinePriority: Sendable, Equatable, Codable {
    /// -20 (goes first) to 19.
    package var nice: Int?
    /// 1 to 10000; 100 is what every group has that says nothing.
    package var cpuWeight: Int?
    package var memoryMax: ByteSize?

    package static let niceRange = -20...19
    package static let cpuWeightRange = 1...10_000

    package init(nice: Int? = nil, cpuWeight: Int? = nil, memoryMax: ByteSize? = nil) {
        self.nice = nice
        self.cpuWeight = cpuWeight
        self.memoryMax = memoryMax
    }

    package var isEmpty: Bool { self == MachinePriority() }
}

/// What of it is in force, as read back from the kernel.
package struct PriorityInForce: Sendable, Equatable {
    /// The process; nil when the machine does not run. Nothing else is known then but what the host offers.
    package var processID: Int32?
    /// The nice value of each thread.
    package var threads: [Int] = []
    /// Of the session that the process leads; nil where the kernel knows no groups of sessions.
    package var autogroup: Int?
    /// Whether the kernel shares out the processor between sessions at present.
    package var areSessionsGroups = false
    /// The control group; nil without the unified hierarchy.
    package var group: String?
    /// Whether a control group shares out the processor: nice then orders only within it.
    package var isWeighed = false
    package var cpuWeight: Int?
    package var memoryMax: ByteSize?
    /// The least that `memoryMax` may be: the guest's memory and what QEMU needs besides.
    package var leastMemory: ByteSize
    /// Who makes the control group: `systemd`, `pgkvm`; nil when nobody can.
    package var manager: String?
    /// Why there is no weight and no limit on this host.
    package var obstacle: String?

    package init(leastMemory: ByteSize) { self.leastMemory = leastMemory }
}

/// A backend whose machines' processes can be given a priority.
package protocol PriorityProviding: Sendable {
    /// What is kept for every start of the machine.
    func rememberedPriority(of machine: MachineReference) async throws -> MachinePriority
    func priorityInForce(of machine: MachineReference) async throws -> PriorityInForce
    /// Sets and reads back what is not nil, and keeps it for the next start; a machine that is off gets it then.
    /// - Throws: `priority.unavailable` for what this host cannot do, `priority.memory-too-small`, `priority.refused`. Nothing is kept then.
    func setPriority(_ priority: MachinePriority, of machine: MachineReference) async throws
    /// Takes back everything that was set, and keeps nothing.
    func resetPriority(of machine: MachineReference) async throws
}

extension MachinePriority {
    /// What of this is not in force, in words.
    package func missing(in inForce: PriorityInForce) -> [String] {
        guard inForce.processID != nil else { return [] }
        var missing: [String] = []
        if let nice, !inForce.threads.allSatisfy({ $0 == nice }) { missing.append("nice \(nice)") }
        if let nice, let autogroup = inForce.autogroup, autogroup != nice { missing.append("autogroup nice \(nice)") }
        if let cpuWeight, inForce.cpuWeight != cpuWeight { missing.append("cpu weight \(cpuWeight)") }
        // The kernel rounds to whole pages.
        if let memoryMax, inForce.memoryMax.map({ ($0 - memoryMax).bytes.magnitude >= 65_536 }) ?? true { missing.append("memory limit \(memoryMax)") }
        return missing
    }
}

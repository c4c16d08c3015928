internal import ApplianceModel
package import Basics

/// How the host treats a machine's process relative to other processes. A nil value leaves the host's setting alone.
package struct MachinePriority: Sendable, Equatable, Codable {
    /// -20 (highest priority) to 19.
    package var nice: Int?
    /// 1 to 10000; a group without a weight has 100.
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

/// The part of the priority that is in force, as read back from the kernel.
package struct PriorityInForce: Sendable, Equatable {
    /// The process; nil when the machine does not run. Then nothing is known except what the host offers.
    package var processID: Int32?
    /// The nice value of each thread.
    package var threads: [Int] = []
    /// The nice value of the session that the process leads; nil where the kernel does not group processes by session.
    package var autogroup: Int?
    /// Whether the kernel currently divides the processor between sessions.
    package var areSessionsGroups = false
    /// The control group; nil without the unified hierarchy.
    package var group: String?
    /// Whether control groups divide the processor: nice then applies only within the group.
    package var isWeighed = false
    package var cpuWeight: Int?
    package var memoryMax: ByteSize?
    /// The lower limit of `memoryMax`: the guest's memory plus what QEMU needs.
    package var leastMemory: ByteSize
    /// What makes the control group: `systemd` or `pgkvm`; nil when nothing can.
    package var manager: String?
    /// Why this host has no weight and no limit.
    package var obstacle: String?

    package init(leastMemory: ByteSize) { self.leastMemory = leastMemory }
}

/// A backend that can set the priority of its machines' processes.
package protocol PriorityProviding: Sendable {
    /// The priority that is kept for every start of the machine.
    func rememberedPriority(of machine: MachineReference) async throws -> MachinePriority
    func priorityInForce(of machine: MachineReference) async throws -> PriorityInForce
    /// Sets every value that is not nil, reads it back, and keeps it for the next start. A machine that is off gets it at that start.
    /// - Throws: `priority.unavailable` for what this host cannot do, `priority.memory-too-small`, `priority.refused`. Then nothing is kept.
    func setPriority(_ priority: MachinePriority, of machine: MachineReference) async throws
    /// Reverts everything that was set, and keeps nothing.
    func resetPriority(of machine: MachineReference) async throws
}

extension MachinePriority {
    /// The parts of this priority that are not in force, in words.
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

package import ApplianceModel
internal import Basics
package import MachineBackend
internal import Quoting
internal import SystemPackage

/// What `priority` shows. Its JSON keys are API.
package struct PrioritySummary: Codable, Sendable {
    package struct Remembered: Codable, Sendable, Equatable {
        package let nice: Int?
        package let cpuWeight: Int?
        package let memoryMaxBytes: Int64?
    }

    package let name: String
    package let processID: Int32?
    /// The lowest and the highest value of its threads. They are equal unless a user changed some threads.
    package let niceLowest: Int?
    package let niceHighest: Int?
    package let threads: Int
    /// The value of the session; nil if the kernel does not support autogroups.
    package let autogroupNice: Int?
    package let controlGroup: String?
    /// What decides between this process and others: `controlGroup`, `autogroup` or `nice`; nil if the process does not run.
    package let decidedBy: String?
    package let cpuWeight: Int?
    package let memoryMaxBytes: Int64?
    package let leastMemoryMaxBytes: Int64
    /// `systemd` or `pgkvm`; nil if this host has no usable control groups, and why.
    package let manager: String?
    package let obstacle: String?
    /// Applied at every start.
    package let remembered: Remembered
    /// Settings that are remembered but not in force.
    package let missing: [String]

    package init(name: ApplianceName, remembered: MachinePriority, inForce: PriorityInForce) {
        self.name = name.rawValue
        processID = inForce.processID
        niceLowest = inForce.threads.min()
        niceHighest = inForce.threads.max()
        threads = inForce.threads.count
        autogroupNice = inForce.autogroup
        controlGroup = inForce.group
        decidedBy = inForce.processID.map { _ in
            inForce.isWeighed ? "controlGroup" : inForce.autogroup != nil && inForce.areSessionsGroups ? "autogroup" : "nice"
        }
        cpuWeight = inForce.cpuWeight
        memoryMaxBytes = inForce.memoryMax?.bytes
        leastMemoryMaxBytes = inForce.leastMemory.bytes
        manager = inForce.manager
        obstacle = inForce.obstacle
        self.remembered = Remembered(nice: remembered.nice, cpuWeight: remembered.cpuWeight, memoryMaxBytes: remembered.memoryMax?.bytes)
        missing = remembered.missing(in: inForce)
    }

    package var text: String {
        let kept = [
            remembered.nice.map { "nice \($0)" }, remembered.cpuWeight.map { "cpu weight \($0)" },
            remembered.memoryMaxBytes.map { "at most \(ByteSize(bytes: $0))" },
        ].compactMap { $0 }
        var rows: [(String, String)] = []
        if let processID { rows = [("process", "\(processID), \(threads) threads"), ("nice", niceText), ("autogroup", autogroupText)] }
        rows += [("cpu weight", weightText), ("memory max", memoryText)]
        rows.append(("remembered", kept.isEmpty ? "nothing" : kept.joined(separator: ", ") + (processID == nil ? "; set at the next start" : "")))
        if !missing.isEmpty { rows.append(("not in force", missing.joined(separator: ", "))) }
        return rows.map { "\($0):".padded(to: 14) + $1 }.joined(separator: "\n")
    }

    private var niceText: String {
        guard let niceLowest, let niceHighest else { return "unknown" }
        let value = niceLowest == niceHighest ? "\(niceLowest) on every thread" : "\(niceLowest) to \(niceHighest)"
        let place =
            switch decidedBy {
            case "controlGroup": "within its control group"
            case "autogroup": "within its own session"
            default: "against every process of this host"
            }
        return "\(value); counts \(place)"
    }

    private var autogroupText: String {
        guard let autogroupNice else { return "none: this kernel knows no groups of sessions" }
        switch decidedBy {
        case "controlGroup": return "nice \(autogroupNice); does not count, since a control group shares out the processor"
        case "autogroup": return "nice \(autogroupNice); counts against the other sessions of this host"
        default: return "nice \(autogroupNice); does not count, since kernel.sched_autogroup_enabled is 0"
        }
    }

    private var weightText: String {
        if processID == nil { return obstacle.map { "not possible: \($0)" } ?? "set by \(manager ?? "nobody") while it runs" }
        guard let cpuWeight else { return obstacle.map { "not possible: \($0)" } ?? "not set" }
        return "\(cpuWeight) (100 is what every group has); counts against the groups beside \(controlGroup ?? "it")"
    }

    private var memoryText: String {
        let least = "\(ByteSize(bytes: leastMemoryMaxBytes)) is the least that can be allowed"
        if processID == nil { return obstacle.map { "not possible: \($0)" } ?? least }
        guard let memoryMaxBytes else { return obstacle.map { "not possible: \($0)" } ?? "no limit; \(least)" }
        return "\(ByteSize(bytes: memoryMaxBytes)); \(least)"
    }
}

extension Appliance {
    /// The remembered settings and those in force.
    /// - Throws: `unsupported`, `machine.not-found`.
    package func priority() async throws -> PrioritySummary {
        let (machine, provider) = try await priorityProvider()
        return PrioritySummary(
            name: name, remembered: try await provider.rememberedPriority(of: machine), inForce: try await provider.priorityInForce(of: machine))
    }

    /// Sets, reads back and remembers every value that is not nil.
    /// - Throws: `priority.unavailable`, `priority.memory-too-small`, `priority.refused`, `input.invalid`, `appliance.busy`.
    package func setPriority(_ priority: MachinePriority) async throws {
        try await exclusively { appliance in
            let (machine, provider) = try await appliance.priorityProvider()
            try await provider.setPriority(priority, of: machine)
        }
    }

    /// Resets and forgets the settings.
    /// - Throws: `priority.refused`, `appliance.busy`.
    package func resetPriority() async throws {
        try await exclusively { appliance in
            let (machine, provider) = try await appliance.priorityProvider()
            try await provider.resetPriority(of: machine)
        }
    }

    /// The settings that are remembered but not in force, as warnings.
    func priorityWarnings() async -> [String] {
        // A failed query does not make the start a failure; `pgkvm priority` reports the reason.
        guard let missing = try? await priority().missing, !missing.isEmpty else { return [] }
        return ["'\(name)' runs without \(missing.joined(separator: ", ")), which was set for it; pgkvm priority \(name)"]
    }

    private func priorityProvider() async throws -> (MachineReference, any PriorityProviding) {
        guard let provider = context.backend.capabilities.priority else {
            throw Failure(.unsupported, "machines of '\(context.backend.kind.rawValue)' are no processes of this host")
        }
        guard let machine = try await machine() else {
            throw Failure(.machineNotFound, "the machine of '\(name)' is not there yet", remedy: "pgkvm deploy \(ShellWord.quoted(directory.spec.string))")
        }
        return (machine, provider)
    }
}

internal import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend
internal import SystemPackage

extension QEMUBackend: PriorityProviding {
    package func rememberedPriority(of machine: MachineReference) async throws -> MachinePriority {
        try StoredPriority.load(state.appliance(name(of: machine)))
    }

    package func priorityInForce(of machine: MachineReference) async throws -> PriorityInForce {
        var result = PriorityInForce(leastMemory: Self.leastMemory(try load(machine).spec.cpu))
        result.manager = groups.manager
        result.obstacle = groups.obstacle
        guard let id = try await processID(of: machine) else { return result }
        result.processID = id
        result.threads = try ProcessPriority.nice(of: id)
        result.autogroup = ProcessPriority.autogroup(of: id)?.nice
        result.areSessionsGroups = ProcessPriority.areSessionsGroups
        let membership = (try? Files.readText(FilePath("/proc/\(id)/cgroup"))) ?? ""
        result.isWeighed = ProcessPriority.hasOlderCPUGroup(membership)
        result.group = ProcessStatus.cgroup(in: membership)
        if let path = result.group {
            let group = ControlGroup(path: path, root: controlGroups)
            result.isWeighed = result.isWeighed || group.isWeighed
            result.cpuWeight = group.cpuWeight
            result.memoryMax = group.memoryMax
        }
        return result
    }

    package func setPriority(_ priority: MachinePriority, of machine: MachineReference) async throws {
        let name = try name(of: machine)
        try check(priority, cpu: try load(machine).spec.cpu, name: name)
        if let id = try await processID(of: machine) {
            if let nice = priority.nice { try await setNice(nice, of: id) }
            try await setGroup(weight: priority.cpuWeight, memory: priority.memoryMax.map { "\($0.bytes)" }, of: id, name: name)
            try await expect(priority, of: machine)
        }
        var kept = try StoredPriority.load(state.appliance(name))
        kept.nice = priority.nice ?? kept.nice
        kept.cpuWeight = priority.cpuWeight ?? kept.cpuWeight
        kept.memoryMax = priority.memoryMax ?? kept.memoryMax
        try StoredPriority.save(kept, in: state.appliance(name))
    }

    package func resetPriority(of machine: MachineReference) async throws {
        let name = try name(of: machine)
        let kept = try StoredPriority.load(state.appliance(name))
        if let id = try await processID(of: machine) {
            if kept.nice != nil { try await setNice(0, of: id) }
            if groups.obstacle == nil {
                try await setGroup(weight: kept.cpuWeight.map { _ in 100 }, memory: kept.memoryMax.map { _ in "max" }, of: id, name: name)
            }
        }
        try StoredPriority.save(MachinePriority(), in: state.appliance(name))
    }

    /// Sets the stored priority for a machine that has just been started. A setting that fails does not undo the start: the command that shows the
    /// priority compares the stored values with those in force.
    func applyRememberedPriority(_ name: ApplianceName, in directory: MachineDirectory) async {
        guard let kept = try? StoredPriority.load(state.appliance(name)), let id = try? QEMUProcess.id(in: directory) else { return }
        if let nice = kept.nice { try? await setNice(nice, of: id) }
        if groups.obstacle == nil { try? await setGroup(weight: kept.cpuWeight, memory: kept.memoryMax.map { "\($0.bytes)" }, of: id, name: name) }
    }

    /// Removes what a priority left behind for a machine that is off: its empty control group, or the settings that systemd keeps for a unit with
    /// its name, which would apply to the next machine with that name.
    func removeControlGroup(of machine: MachineReference) async {
        controlGroup(of: machine.identifier).removeIfEmpty()
        guard SystemdManager.isAvailable, let name = ApplianceName(machine.identifier), let kept = try? StoredPriority.load(state.appliance(name)),
            kept.cpuWeight != nil || kept.memoryMax != nil
        else { return }
        // systemd reports an error for a unit that it has forgotten.
        try? await SystemdManager(isRoot: HostEnvironment.isRoot).control(["revert", SystemdSupervisor.unitName(of: name)])
    }

    /// The guest's memory, plus what QEMU needs: devices, buffers and page tables; under TCG up to 1 GiB of translated code.
    static func leastMemory(_ cpu: CPUDecision) -> ByteSize {
        let own = 256 + cpu.memory.mebibytes / 50 + (cpu.accelerator == .tcg ? 1024 : 0)
        return .mebibytes(cpu.memory.mebibytes + own)
    }

    /// The group that pgkvm makes where systemd does not make one.
    func controlGroup(of name: String) -> ControlGroup { ControlGroup(path: "/pgkvm/\(name)", root: controlGroups) }

    /// What can make a control group here; otherwise why nothing can.
    private var groups: (manager: String?, obstacle: String?) {
        guard SystemdManager.isAvailable else {
            let obstacle = ControlGroup.obstacle(root: controlGroups)
            return (obstacle == nil ? "pgkvm" : nil, obstacle)
        }
        let isUnified = Files.exists(controlGroups.appending("cgroup.controllers"))
        return ("systemd", isUnified ? nil : "this host has no unified control groups (cgroup v2)")
    }

    private func check(_ priority: MachinePriority, cpu: CPUDecision, name: ApplianceName) throws {
        if let nice = priority.nice, !MachinePriority.niceRange.contains(nice) {
            throw Failure(.invalidInput, "nice \(nice) is not possible", remedy: "choose -20 (goes first) to 19")
        }
        if let weight = priority.cpuWeight, !MachinePriority.cpuWeightRange.contains(weight) {
            throw Failure(.invalidInput, "a weight of \(weight) is not possible", remedy: "choose 1 to 10000; 100 is what every group has")
        }
        let least = Self.leastMemory(cpu)
        if let memory = priority.memoryMax, memory < least {
            throw Failure(
                .priorityMemoryTooSmall,
                "'\(name)' needs \(least) of this host: its guest has \(cpu.memory), and QEMU the rest; with \(memory) the kernel would kill it, which is a power cut for the database",
                remedy: "allow \(least) or more")
        }
        guard priority.cpuWeight != nil || priority.memoryMax != nil, let obstacle = groups.obstacle else { return }
        throw Failure(
            .priorityUnavailable, "a weight and a limit of memory need a control group, and \(obstacle)",
            remedy: "--nice works here: pgkvm priority \(name) --nice 5")
    }

    private func setNice(_ nice: Int, of processID: Int32) async throws {
        try ProcessPriority.setNice(nice, of: processID)
        if ProcessPriority.autogroup(of: processID) != nil { try await ProcessPriority.setAutogroup(nice, of: processID) }
    }

    /// - Parameter memory: bytes, or `max`.
    private func setGroup(weight: Int?, memory: String?, of processID: Int32, name: ApplianceName) async throws {
        guard weight != nil || memory != nil else { return }
        guard !SystemdManager.isAvailable else {
            let properties =
                [weight.map { "CPUWeight=\($0)" }, memory.map { "MemoryMax=\($0 == "max" ? "infinity" : $0)" }].compactMap { $0 }
            try await SystemdManager(isRoot: HostEnvironment.isRoot).control(["set-property", "--runtime", SystemdSupervisor.unitName(of: name)] + properties)
            return
        }
        let group = controlGroup(of: name.rawValue)
        try group.create()
        if let weight { try group.set("cpu.weight", "\(weight)") }
        if let memory { try group.set("memory.max", memory) }
        try group.add(processID)
    }

    /// Reads back the settings and checks them.
    private func expect(_ priority: MachinePriority, of machine: MachineReference) async throws {
        let inForce = try await priorityInForce(of: machine)
        guard let missing = priority.missing(in: inForce).first else { return }
        throw Failure(
            .priorityRefused, "'\(machine.identifier)' was given another priority, and this is not in force: \(missing)",
            remedy: "pgkvm priority \(machine.identifier) shows what is")
    }
}

extension Failure.Code {
    /// This host does not have any usable control groups.
    package static let priorityUnavailable = Failure.Code("priority.unavailable")
    /// A limit under which the kernel would kill the machine.
    package static let priorityMemoryTooSmall = Failure.Code("priority.memory-too-small")
}

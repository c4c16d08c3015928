package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import Quoting
internal import SystemPackage

/// Finds a QEMU by the directory that it runs in, whatever has happened to the records about it.
extension QEMUBackend: RemainsProviding {
    package func recordedMachine(of name: ApplianceName) -> MachineReference? {
        guard let found = try? QEMUMachine.load(from: state.appliance(name).machine()) else { return nil }
        return MachineReference(backend: kind, deployment: found.spec.deployment, identifier: name.rawValue)
    }

    package func runs(_ name: ApplianceName) async throws -> Bool {
        let directory = state.appliance(name).machine()
        if try await process(of: name, in: directory) != nil { return true }
        return try await isHeld(name, in: directory)
    }

    package func end(_ name: ApplianceName, grace: Duration?) async throws {
        let directory = state.appliance(name).machine()
        // A QEMU that was started a moment ago has not reported its process id yet.
        let known = try await poll(every: .milliseconds(50), until: .now + .seconds(10), on: ContinuousClock()) { () -> Int32?? in
            if let id = try await process(of: name, in: directory) { return id }
            return try await isHeld(name, in: directory) ? nil : .some(nil)
        }
        guard let known else {
            throw Failure(
                .machineStillRunning, "QEMU of '\(name)' runs, and nothing says which process it is",
                remedy: "look for it: ps -C \(QEMUCommandLine.processName(of: name)) -o pid,args; and end it: kill PID")
        }
        guard let id = known else { return }
        guard let grace else { return try await kill(id, name, in: directory) }
        try await PowerButton(name: name.rawValue, directory: directory).press(for: grace) { try await process(of: name, in: directory) == nil }
    }

    package func remove(_ name: ApplianceName) async throws {
        try await end(name, grace: nil)
        let machine = MachineReference(backend: kind, deployment: recordedMachine(of: name)?.deployment ?? .random(), identifier: name.rawValue)
        try await removeBootUnit(bootUnit(of: machine))
        await removeControlGroup(of: machine)
    }

    /// Looks for the process in the pid file, then in what systemd reports about the unit, then among the processes of this host: QEMU runs inside
    /// the machine's directory, under its own name.
    private func process(of name: ApplianceName, in directory: MachineDirectory) async throws -> Int32? {
        if let id = try QEMUProcess.id(in: directory) { return id }
        if let id = try await mainProcess(of: name) { return id }
        guard let own = Files.status(directory.path) else { return nil }
        let processName = QEMUCommandLine.processName(of: name)
        return try Files.list("/proc").lazy.compactMap { Int32($0) }.first { id in
            guard let its = Files.status(FilePath("/proc/\(id)/cwd")), its.inode == own.inode, its.device == own.device else { return false }
            return (try? Files.readText(FilePath("/proc/\(id)/comm")))?.split(at: "\n").first.map(String.init) == processName
        }
    }

    /// The process of the machine's unit, where that is QEMU: an older version started it so, and a keeper runs elsewhere once it lets QEMU go. Nil
    /// without systemd and for a unit whose process has ended, although the unit may still be stopping.
    private func mainProcess(of name: ApplianceName) async throws -> Int32? {
        guard SystemdManager.isAvailable else { return nil }
        let manager = SystemdManager(isRoot: HostEnvironment.isRoot)
        let answer = try await ProgramRunner.run(
            "systemctl", manager.scope + ["show", "--value", "--property=MainPID", SystemdSupervisor.unitName(of: name)], environment: manager.environment)
        guard let id = answer.outputText.split(at: "\n").first.flatMap({ Int32($0) }), id > 1, try isOfThisState(id, name) else { return nil }
        return id
    }

    /// Two state directories may have an appliance with the same name, and the running unit belongs to one of them.
    private func isOfThisState(_ id: Int32, _ name: ApplianceName) throws -> Bool {
        guard let own = Files.status(state.appliance(name).machine().path), let its = Files.status(FilePath("/proc/\(id)/cwd")) else { return false }
        return own.inode == its.inode && own.device == its.device
    }

    /// Whether a QEMU without systemd holds the lock on its log. It does so even before it has reported its process id.
    private func isHeld(_ name: ApplianceName, in directory: MachineDirectory) async throws -> Bool {
        guard !SystemdManager.isAvailable else { return false }
        return try await SessionSupervisor().presence(name, in: directory) == .alive
    }

    private func kill(_ id: Int32, _ name: ApplianceName, in directory: MachineDirectory) async throws {
        _ = try? await QMPClient.connect(monitorSocket(directory), timeout: .seconds(3))?.execute("quit")
        if try await hasEnded(name, in: directory, within: .seconds(5)) { return }
        try ProcessTable.kill(id)
        guard try await hasEnded(name, in: directory, within: .seconds(10)) else {
            throw Failure(
                .machineStillRunning, "QEMU of '\(name)', process \(id), was killed and has not ended",
                remedy: "look at the host's disks: a process that waits for one cannot end")
        }
    }

    private func hasEnded(_ name: ApplianceName, in directory: MachineDirectory, within limit: Duration) async throws -> Bool {
        let clock = ContinuousClock()
        return try await poll(every: .milliseconds(50), until: clock.now + limit, on: clock) {
            try await process(of: name, in: directory) == nil ? true : nil
        } ?? false
    }
}

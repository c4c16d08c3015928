internal import ApplianceModel
internal import HostSystem
package import MachineBackend
internal import SystemPackage

/// Starting, stopping and asking.
extension QEMUBackend {
    private func monitorSocket(_ directory: MachineDirectory) -> FilePath { directory.file(MachineDirectory.Name.monitorSocket) }

    package func start(_ machine: MachineReference) async throws {
        let directory = try directory(of: machine)
        let record = try load(machine)
        guard record.isComplete else { throw Failure(.machineFailed, "the machine of '\(machine.identifier)' is not complete") }
        switch try await powerState(of: machine) {
        case .running: return
        case .paused:
            // After a full host disk was cleared, or a pause by hand, the guest goes on where it stood.
            try await QMPClient.connect(monitorSocket(directory))?.execute("cont")
            return
        case .unresponsive:
            throw Failure(
                .machineFailed, "QEMU of '\(machine.identifier)' lives and does not answer", remedy: "pgkvm stop --force \(machine.identifier)")
        case .absent, .off: break
        }
        try checkPorts(record.spec.network)
        let abilities = try await QEMUAbilities.probe()
        let user = try await QEMUUser.prepare()
        try limitSerialLog(directory)
        for socket in [MachineDirectory.Name.monitorSocket, MachineDirectory.Name.serialSocket] { try Files.remove(directory.file(socket)) }
        let command =
            user.prefix(forKVM: record.spec.cpu.accelerator == .kvm) + [QEMUAbilities.program]
            + QEMUCommandLine(machine: record, abilities: abilities).arguments
        let hasEnded = try await supervisor.start(command, for: record.spec.name, in: directory)
        try await waitForMonitor(directory, hasEnded: hasEnded)
    }

    private var supervisor: any Supervisor {
        SystemdSupervisor.isAvailable
            ? SystemdSupervisor(isRoot: HostEnvironment.isRoot, program: program, state: state) : SessionSupervisor()
    }

    private func checkPorts(_ network: NetworkDecision) throws {
        for (service, port) in [("SSH", network.sshPort), ("PostgreSQL", network.postgresqlPort)] where !Sockets.isPortFree(port) {
            throw Failure(
                .portInUse, "port \(port) on 127.0.0.1, kept for \(service) of this appliance, is in use",
                remedy: "stop the program that listens there: ss -ltnp 'sport = :\(port)'")
        }
    }

    /// Ready when the monitor greets; failed when the process ends before.
    private func waitForMonitor(_ directory: MachineDirectory, hasEnded: @Sendable () async -> Int32?) async throws {
        let clock = ContinuousClock()
        let answer = try await WaitingTime.measure {
            try await poll(every: .milliseconds(50), until: clock.now + .seconds(60), on: clock) { () -> Bool? in
                if try await QMPClient.connect(monitorSocket(directory)) != nil { return true }
                return await hasEnded() != nil ? false : nil
            }
        }
        if answer == true { return }
        let log = (try? Files.readText(directory.file(MachineDirectory.Name.processLog))) ?? ""
        let said = log.split(separator: "\n").suffix(6).joined(separator: "\n    ")
        throw Failure(
            .machineFailed, (answer == nil ? "QEMU does not answer after 60 s" : "QEMU ended at once") + (said.isEmpty ? "" : ":\n    \(said)"),
            remedy: said.contains("write\" lock") ? "another QEMU uses the disks of this machine: end it first" : nil)
    }

    /// The serial log grows with what the guest prints; each start cuts it to the last part.
    private func limitSerialLog(_ directory: MachineDirectory) throws {
        let path = directory.file(MachineDirectory.Name.serialLog)
        guard let size = Files.status(path)?.size, size > .mebibytes(4) else { return }
        let tail = try Files.read(path).suffix(1 << 20)
        try Files.write(Array(tail), to: path)
        try QEMUUser.current().own(path)
    }

    package func powerState(of machine: MachineReference) async throws -> PowerState {
        let directory = try directory(of: machine)
        guard Files.exists(directory.file(MachineDirectory.Name.machine)) else { return .absent }
        do {
            guard let monitor = try await QMPClient.connect(monitorSocket(directory), timeout: .seconds(5)) else { return .off }
            let status = try await monitor.execute("query-status")["status"]?.string ?? "unknown"
            return Self.powerState(status: status, name: machine.identifier)
        } catch let error as Failure where error.code == .monitorUnresponsive {
            return try await QMPClient.listener(monitorSocket(directory)) == nil ? .off : .unresponsive
        }
    }

    /// What each of QEMU's run states means for the user.
    static func powerState(status: String, name: String) -> PowerState {
        switch status {
        case "running", "finish-migrate": .running
        case "io-error":
            .paused(
                reason: "the host's disk is full or failed, and the guest waits so that nothing is lost",
                remedy: "free space on the host, then 'pgkvm start \(name)'")
        case "guest-panicked": .paused(reason: "the guest's kernel panicked", remedy: "pgkvm logs \(name) --serial, then 'pgkvm restart --force \(name)'")
        case "internal-error": .paused(reason: "the processor or KVM stopped the guest", remedy: "pgkvm logs \(name) --qemu, then 'pgkvm restart --force \(name)'")
        case "shutdown": .paused(reason: "the guest has shut down and QEMU has not ended", remedy: "pgkvm stop --force \(name)")
        default: .paused(reason: "QEMU says '\(status)'", remedy: "pgkvm start \(name)")
        }
    }

    package func shutDown(_ machine: MachineReference, grace: Duration) async throws {
        let directory = try directory(of: machine)
        let clock = ContinuousClock()
        let deadline = clock.now + grace
        var nextPress = clock.now
        let isOff = try await WaitingTime.measure {
            try await poll(every: .milliseconds(200), until: deadline, on: clock) { () -> Bool? in
                guard let monitor = try await QMPClient.connect(monitorSocket(directory)) else { return true }
                // A guest that is still booting ignores the power button: press it again.
                if clock.now >= nextPress {
                    _ = try? await monitor.execute("system_powerdown")
                    nextPress = clock.now + .seconds(10)
                }
                return nil
            }
        }
        guard isOff == true else {
            throw Failure(
                .machineStillRunning, "the guest of '\(machine.identifier)' has not shut down after \(grace.components.seconds) s; it is left running",
                remedy: "wait with 'pgkvm stop \(machine.identifier) --grace SECONDS', or cut its power with 'pgkvm stop --force \(machine.identifier)'")
        }
        try removeSockets(directory)
    }

    package func powerOff(_ machine: MachineReference) async throws {
        let directory = try directory(of: machine)
        let socket = monitorSocket(directory)
        guard let processID = try await QMPClient.listener(socket) else { return }
        do {
            try await QMPClient.connect(socket, timeout: .seconds(3))?.execute("quit")
        } catch let error as Failure where error.code == .monitorUnresponsive {
            // Closing the connection is how QEMU answers 'quit'; one that hangs is killed below.
        }
        let clock = ContinuousClock()
        let gone = try await poll(every: .milliseconds(50), until: clock.now + .seconds(5), on: clock) {
            try await QMPClient.listener(socket) == nil ? true : nil
        }
        if gone == nil {
            try ProcessTable.kill(processID)
            _ = try await poll(every: .milliseconds(50), until: clock.now + .seconds(10), on: clock) {
                try await QMPClient.listener(socket) == nil ? true : nil
            }
        }
        try removeSockets(directory)
    }

    private func removeSockets(_ directory: MachineDirectory) throws {
        for name in [MachineDirectory.Name.monitorSocket, MachineDirectory.Name.serialSocket] { try Files.remove(directory.file(name)) }
    }
}

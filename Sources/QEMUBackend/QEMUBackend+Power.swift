internal import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import Quoting
internal import SystemPackage

/// Starting, stopping and querying machines.
extension QEMUBackend {
    func monitorSocket(_ directory: MachineDirectory) -> FilePath { directory.file(MachineDirectory.Name.monitorSocket) }

    package func start(_ machine: MachineReference) async throws {
        let directory = try directory(of: machine)
        guard try load(machine).isComplete else { throw Failure(.machineFailed, "the machine of '\(machine.identifier)' is not complete") }
        try await exclusively(directory) {
            switch try await settledState(of: machine) {
            case .running: return
            case .paused(let reason, let remedy): try await resume(machine, in: directory, reason: reason, remedy: remedy)
            case .unresponsive:
                throw Failure(
                    .machineFailed, "QEMU of '\(machine.identifier)' lives and does not answer", remedy: "pgkvm stop --force \(machine.identifier)")
            case .absent, .off: try await launch(try load(machine), in: directory)
            }
        }
    }

    /// The state once QEMU answers: on a busy host that can take longer than an ordinary check waits.
    private func settledState(of machine: MachineReference) async throws -> PowerState {
        let clock = ContinuousClock()
        let answer = try await WaitingTime.measure {
            try await poll(every: .milliseconds(250), until: clock.now + .seconds(30), on: clock) { () -> PowerState? in
                let state = try await powerState(of: machine)
                return state == .unresponsive ? nil : state
            }
        }
        return answer ?? .unresponsive
    }

    /// After a full host disk was cleared, or after a manual pause, the guest resumes where it stopped.
    private func resume(_ machine: MachineReference, in directory: MachineDirectory, reason: String, remedy: String) async throws {
        do {
            try await QMPClient.connect(monitorSocket(directory))?.execute("cont")
        } catch let error as Failure where error.code == .monitorRefused {
            throw Failure(.machineFailed, "'\(machine.identifier)' cannot go on: \(reason)", remedy: remedy, cause: error)
        }
    }

    private func launch(_ record: QEMUMachine, in directory: MachineDirectory) async throws {
        let name = record.spec.name
        // An earlier run was killed while its QEMU was starting: then use that QEMU. Or a QEMU is just ending.
        switch try await presence(name, in: directory) {
        case .none: break
        case .alive:
            let isUp = try await greeting(directory) { (try? await presence(name, in: directory)) == .alive ? nil : "" }
            if case .up = isUp { return }
            try await awaitEnd(name, in: directory)
        case .ending: try await awaitEnd(name, in: directory)
        }
        try await checkPorts(record.spec.network)
        try HostNetwork().check(record.spec.network.mode, record.spec.network.device, queues: record.spec.network.queues)
        let abilities = try await QEMUAbilities.probe()
        var record = record
        let former = record
        let user = try await chooseUser(of: &record)
        if record != former { try record.save(to: directory) }
        if record.spec.cpu.accelerator == .kvm { try await awaitKVM(for: user) }
        // QEMU does not run: anything left in its directory under the name of a record comes from an older version, or pretends to.
        try takeOverLogs(directory)
        try MachineRecords(directory).removeFormer(Self.recordsOfQEMU)
        try Files.remove(directory.record(MachineDirectory.Record.processID))
        try limitSerialLog(directory)
        try handOver(directory, to: user)
        let command = try command(of: record, abilities: abilities, user: .chosen(user))
        let howEnded = try await supervisor.start(command, for: name, in: directory)
        switch try await greeting(directory, howEnded: howEnded) {
        case .up: await applyRememberedPriority(name, in: directory)
        case .ended(let how): throw notStarted("QEMU ended at once \(how)", directory)
        case .silent: throw notStarted("QEMU does not answer after 60 s", directory)
        }
    }

    /// The whole command that is started: the command that opens the network where that is needed, the keeper, QEMU.
    func command(
        of record: QEMUMachine, abilities: QEMUAbilities, user: Planned<QEMUUser>, values: PlannedValues? = nil,
        changing change: ([String]) throws -> [String] = { $0 }
    ) throws -> [String] {
        let network = record.spec.network
        let values = values ?? PlannedValues(of: record.spec)
        let userWords = user.value.map { $0.ids?.description } ?? "\(user)"
        let handover = NetworkHandover(network)
        let passt = PasstForwarding(network, user: nil)
        let opening = handover?.command(program: program, values) ?? (passt == nil ? [] : PasstForwarding.command(program: program, values, user: userWords))
        let firmware = record.spec.image.firmware == .uefi ? abilities.firmwareCode.map { FilePath($0).removingLastComponent() } : nil
        let keeper = MachineKeeper(
            directory: state.appliance(record.spec.name).machine(), user: user.value?.ids, usesKVM: record.spec.cpu.accelerator == .kvm,
            descriptorCount: handover?.descriptorCount ?? (passt == nil ? 0 : 1), firmware: firmware)
        return try opening + keeper.command(program: program, user: userWords) + [QEMUAbilities.program]
            + change(QEMUCommandLine(machine: record, abilities: abilities, values: values).arguments)
    }

    private var supervisor: any Supervisor {
        SystemdManager.isAvailable
            ? SystemdSupervisor(isRoot: HostEnvironment.isRoot, program: program, state: state) : SessionSupervisor()
    }

    /// The state of a QEMU that was started, also by an older version.
    private func presence(_ name: ApplianceName, in directory: MachineDirectory) async throws -> Presence {
        if FormerRecords.isLogLocked(directory) { return .alive }
        return try await supervisor.presence(name, in: directory)
    }

    /// Waits for a machine that is being stopped: its name is taken until it has ended.
    private func awaitEnd(_ name: ApplianceName, in directory: MachineDirectory) async throws {
        let clock = ContinuousClock()
        _ = try await WaitingTime.measure {
            try await poll(every: .milliseconds(100), until: clock.now + MachineStop.grace, on: clock) {
                try await presence(name, in: directory) == .ending ? nil : true
            }
        }
    }

    /// Allows one start or power cut at a time: a second one waits and then finds the work done.
    func exclusively(_ directory: MachineDirectory, _ body: () async throws -> Void) async throws {
        try MachineRecords(directory).prepare()
        let lock = try await FileLock.acquire(directory.record(MachineDirectory.Record.powerLock))
        try await body()
        _ = consume lock
    }

    private func checkPorts(_ network: NetworkDecision) async throws {
        guard network.mode == .user else { return }
        if network.forwarder == .passt {
            try PasstForwarding.checkInstalled()
            // The keeper ends a moment after its QEMU.
            let clock = ContinuousClock()
            _ = try await poll(every: .milliseconds(50), until: clock.now + .seconds(5), on: clock) {
                network.hostPorts.allSatisfy(Sockets.isPortFree) ? true : nil
            }
        }
        try Sockets.checkPromised(network.sshPort, for: "SSH")
        try Sockets.checkPromised(network.postgresqlPort, for: "PostgreSQL")
    }

    private enum Greeting { case up, ended(String), silent }

    /// QEMU is up when the monitor sends its greeting. A connection that QEMU breaks off belongs to a QEMU that is ending: the next check shows it.
    private func greeting(_ directory: MachineDirectory, howEnded: @Sendable () async -> String?) async throws -> Greeting {
        let clock = ContinuousClock()
        return try await WaitingTime.measure {
            try await poll(every: .milliseconds(50), until: clock.now + .seconds(60), on: clock) { () -> Greeting? in
                do {
                    if try await QMPClient.connect(monitorSocket(directory)) != nil { return .up }
                } catch let error as Failure where error.code == .monitorUnresponsive {}
                return await howEnded().map(Greeting.ended)
            } ?? .silent
        }
    }

    private func notStarted(_ what: String, _ directory: MachineDirectory) -> Failure {
        let log = MachineRecords(directory).log(MachineDirectory.Record.processLog)
        let words = QEMUWords(String(decoding: (try? Files.readEnd(log, bytes: 16_384)) ?? [], as: UTF8.self))
        return words.failure(what)
    }

    /// The keeper limits the logs that it writes. A QEMU that an older version started writes its log itself: each start and each check of the
    /// machine cuts that log to its last part.
    func limitSerialLog(_ directory: MachineDirectory) throws {
        try MachineRecords(directory).cutLog(
            MachineDirectory.Record.serialLog, over: Int(MachineKeeper.logLimit.bytes), to: Int(MachineKeeper.logKept.bytes))
    }

    package func powerState(of machine: MachineReference) async throws -> PowerState {
        let directory = try directory(of: machine)
        guard let found = try QEMUMachine.load(from: directory), found.spec.deployment == machine.deployment else { return .absent }
        do {
            guard let monitor = try await QMPClient.connect(monitorSocket(directory), timeout: .seconds(5)) else { return .off }
            let status = try await monitor.execute("query-status")["status"]?.string ?? "unknown"
            // A check does not fail because of a log, even if something else is in its place.
            if cutsLogs { try? limitSerialLog(directory) }
            return Self.powerState(status: status, name: machine.identifier)
        } catch let error as Failure where error.code == .monitorUnresponsive {
            return try QEMUProcess.id(in: directory) == nil ? .off : .unresponsive
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
        case "internal-error":
            .paused(reason: "the processor or KVM stopped the guest", remedy: "pgkvm logs \(name) --qemu, then 'pgkvm restart --force \(name)'")
        case "shutdown": .paused(reason: "the guest has shut down and QEMU has not ended", remedy: "pgkvm stop --force \(name)")
        default: .paused(reason: "QEMU says '\(SpecRules.escaped(status))'", remedy: "pgkvm start \(name)")
        }
    }

    package func shutDown(_ machine: MachineReference, grace: Duration) async throws {
        let directory = try directory(of: machine)
        let button = PowerButton(name: machine.identifier, directory: directory)
        try button.check(try await powerState(of: machine))
        guard try await runningProcess(machine, in: directory) != nil else { return }
        try await button.press(for: grace) { try QEMUProcess.id(in: directory) == nil }
        try removeSockets(directory)
    }

    package func powerOff(_ machine: MachineReference) async throws {
        let directory = try directory(of: machine)
        guard Files.isDirectory(directory.path) else { return }
        try await exclusively(directory) {
            guard let processID = try await runningProcess(machine, in: directory) else { return }
            let clock = ContinuousClock()
            let asked = clock.now
            do {
                try await QMPClient.connect(monitorSocket(directory), timeout: .seconds(3))?.execute("quit")
            } catch let error as Failure where [.monitorUnresponsive, .monitorRefused].contains(error.code) {
                // QEMU answers 'quit' by closing the connection; a QEMU that hangs is killed below.
            }
            if try await !hasEnded(directory, within: max(.seconds(2), .seconds(5) - (clock.now - asked))) {
                try ProcessTable.kill(processID)
                guard try await hasEnded(directory, within: .seconds(10)) else {
                    throw Failure(
                        .machineStillRunning, "QEMU of '\(machine.identifier)', process \(processID), was killed and has not ended",
                        remedy: "look at the host's disks: a process that waits for one cannot end")
                }
            }
            try removeSockets(directory)
        }
    }

    /// The process of this deployment's machine; nil when none runs. A process that was started a moment ago has not written its pid file yet.
    private func runningProcess(_ machine: MachineReference, in directory: MachineDirectory) async throws -> Int32? {
        // A machine whose record is gone may still run.
        if let found = try QEMUMachine.load(from: directory), found.spec.deployment != machine.deployment { throw stranger(machine.identifier) }
        guard let name = ApplianceName(machine.identifier) else { return nil }
        let clock = ContinuousClock()
        let answer: Int32?? = try await poll(every: .milliseconds(50), until: clock.now + .seconds(10), on: clock) {
            if let id = try QEMUProcess.id(in: directory) { return id }
            return try await presence(name, in: directory) == .alive ? nil : .some(nil)
        }
        guard let answer else {
            throw Failure(
                .machineFailed, "QEMU of '\(machine.identifier)' was started and does not say which process it is",
                remedy: "look for the process whose working directory is \(ShellWord.quoted(directory.path.string)) and end it")
        }
        return answer
    }

    private func hasEnded(_ directory: MachineDirectory, within limit: Duration) async throws -> Bool {
        let clock = ContinuousClock()
        return try await poll(every: .milliseconds(50), until: clock.now + limit, on: clock) {
            try QEMUProcess.id(in: directory) == nil ? true : nil
        } ?? false
    }

    private func removeSockets(_ directory: MachineDirectory) throws {
        for name in [MachineDirectory.Name.monitorSocket, MachineDirectory.Name.serialSocket, MachineDirectory.Name.agentSocket] {
            try Files.remove(directory.file(name))
        }
    }
}

internal import ApplianceModel
package import Basics
internal import BuiltinTemplates
internal import MachineBackend
internal import PostgresClient
internal import Quoting
internal import SecureShell
internal import Workflow

/// Waits for the server of a guest that has booted: reports what it waits for, and does what the boot has given up on.
struct ServerWait {
    /// The functions that it uses to ask and to act.
    struct Hands: Sendable {
        /// Connects as a client, or throws the reason for the refusal.
        let connect: @Sendable () async throws -> Void
        let ask: @Sendable () async throws -> ServerProgress
        /// Mounts the data disk.
        let mount: @Sendable () async throws -> Void
        /// Tells the guest to start the server.
        let start: @Sendable () async throws -> Void
    }

    private let name: ApplianceName
    private let hands: Hands
    private let signs: SignsOfLife
    /// How long to wait in a state that may last without end.
    private let patience: Duration
    /// The shortest time between two questions: an emulated guest needs its processors to start the server.
    private let pause: Duration
    private var reported = ""
    private var next: ContinuousClock.Instant
    private var previous: ServerProgress.State?
    /// When the guest entered its current state.
    private var since = ContinuousClock.now
    private var hasMounted = false
    private var hasStarted = false

    /// - Parameter signs: are recorded while the guest answers, because its console is silent after the boot.
    init(name: ApplianceName, hands: Hands, signs: SignsOfLife, patience: Duration, pause: Duration = .seconds(2)) {
        self.name = name
        self.hands = hands
        self.signs = signs
        self.patience = patience
        self.pause = pause
        next = .now + pause
    }

    init(_ context: DeploymentContext, signs: SignsOfLife) {
        self.init(name: context.spec.name, hands: Hands(context), signs: signs, patience: context.bootPatience)
    }

    /// Returns once a client was accepted.
    /// - Throws: `server.not-started`, `guest.no-data-disk`, the errors of the mount; for a server that runs and does not accept a client, the
    ///   reason.
    mutating func untilItAnswers() async throws {
        report("waiting for PostgreSQL")
        while true {
            do {
                return try await hands.connect()
            } catch let error as Failure where Self.isTooEarly(error.code) {
                try await look(error)
            }
            try await ContinuousClock().sleep(for: min(pause, .milliseconds(250)))
        }
    }

    private static func isTooEarly(_ code: Failure.Code) -> Bool {
        [.guestNoAddress, .postgresConnectionFailed, .postgresConnectionLost, .timedOut].contains(code)
    }

    /// Returns once the server is up, or is not starting.
    mutating func untilSettled() async throws {
        while true {
            let progress = try await hands.ask()
            guard progress.state == .starting else { return }
            report(progress.text)
            try await ContinuousClock().sleep(for: min(pause, .milliseconds(250)))
        }
    }

    private mutating func report(_ text: String) {
        guard text != reported else { return }
        reported = text
        StepProgress.report(text)
    }

    /// Asks the guest once, unless the last question was a moment ago.
    private mutating func look(_ refusal: Failure) async throws {
        let begin = ContinuousClock.now
        guard begin >= next else { return }
        let progress: ServerProgress
        do {
            progress = try await hands.ask()
        } catch is Failure {
            // Another wait watches whether the machine is alive.
            next = .now + pause
            return
        }
        signs.note()
        next = .now + max(pause, (ContinuousClock.now - begin) * 4)
        report(progress.text)
        // Between two jobs of systemd, there may be no job for a moment.
        guard progress.state == previous else {
            since = .now
            previous = progress.state
            return
        }
        try await act(progress, refusal)
    }

    private mutating func act(_ progress: ServerProgress, _ refusal: Failure) async throws {
        let isOverdue = ContinuousClock.now - since >= patience
        switch progress.state {
        case .starting, .checking: return
        case .noDisk where isOverdue:
            throw Failure(
                .guestNoDataDisk, "the guest of '\(name)' does not see its data disk, and PostgreSQL waits for it",
                remedy: "see whether the machine still has the disk, then: pgkvm restart \(name)")
        case .ready where isOverdue: throw refusal
        // systemd waits for a file system that it has recognized, but does not recognize a damaged one.
        case .unmounted where !hasMounted, .mounting where isOverdue && !hasMounted:
            hasMounted = true
            report("mounting the data disk")
            try await hands.mount()
        case .down where hasStarted:
            throw Failure(
                .serverNotStarted, "PostgreSQL of '\(name)' does not come up: \(SpecRules.escaped(progress.words, limit: 600))",
                remedy: "pgkvm logs \(name)")
        case .down:
            hasStarted = true
            report("starting PostgreSQL")
            try await hands.start()
        case .noDisk, .ready, .unmounted, .mounting: return
        }
    }
}

extension ServerWait.Hands {
    init(_ context: DeploymentContext) {
        self.init(
            connect: { try await context.connect().close() }, ask: { try await ServerProgress.ask(context) },
            mount: { try await context.runUnit(PrepareDataDiskStep.preparation(context)) },
            start: {
                let unit = ShellWord("postgresql@\(try await context.postgresqlVersion())-main.service").text
                try await context.runAsRoot("systemctl reset-failed \(unit) 2>/dev/null || true\nsystemctl start --no-block \(unit)\n")
            })
    }
}

/// How far the start of the guest's server has come, as `server-progress.sh` reports it.
struct ServerProgress: Sendable, Equatable {
    enum State: Sendable, Equatable {
        /// The data disk has not been seen yet.
        case noDisk
        /// The boot is about to mount it.
        case mounting
        case checking
        /// Nothing will mount it.
        case unmounted
        case starting
        /// The server accepts connections.
        case ready
        /// Nothing will start it.
        case down
    }

    let state: State
    /// What the server reports about its recovery.
    let recovery: String
    /// The end of the server's log, if it is down.
    let words: String

    init(_ text: String) {
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(at: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1].prefix(2000)) }
        }
        recovery = values["progress"] ?? ""
        words = values["words"] ?? ""
        state =
            switch (values["mount"], values["server"]) {
            case ("mounted", "ready"), ("mounted", "standby"): .ready
            case ("mounted", "down"): .down
            case ("mounted", _): .starting
            case ("checking", _): .checking
            case _ where values["disk"] == "absent": .noDisk
            case ("none", _): .unmounted
            case _: .mounting
            }
    }

    /// What the wait is for.
    var text: String {
        switch state {
        case .noDisk: "waiting for the data disk"
        case .mounting, .unmounted: "waiting for the mount of the data disk"
        case .checking: "waiting for the check of the data disk's file system"
        case .starting where !recovery.isEmpty: "PostgreSQL recovers: \(SpecRules.escaped(recovery, limit: 200))"
        case .starting, .down: "waiting for PostgreSQL to start"
        case .ready: "waiting for PostgreSQL to answer"
        }
    }

    static func ask(_ context: DeploymentContext) async throws -> ServerProgress {
        let script = GuestScript.serverProgress.text("\(try await context.postgresqlVersion())", MachineSpec.dataDiskSerial)
        return ServerProgress(try await context.guest.check("sudo -n sh", input: Array(script.utf8), timeout: .seconds(60)).outputText)
    }
}

extension Failure.Code {
    /// The guest does not see its data disk.
    package static let guestNoDataDisk = Failure.Code("guest.no-data-disk")
}

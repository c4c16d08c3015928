package import ApplianceModel
internal import HostSystem
internal import MachineBackend
internal import SecureShell
internal import Workflow

/// Waits for a booting guest: tells what it prints, leaves a slow one its time, and notices a dead one.
struct GuestWait {
    let context: DeploymentContext
    let machine: MachineReference
    private var console: ConsoleWatch?
    private var lastSign = ContinuousClock.now
    private var wasStartedAgain = false
    /// How often in a row the platform did not answer.
    private var silentAnswers = 0

    init(context: DeploymentContext, machine: MachineReference) {
        self.context = context
        self.machine = machine
        let backend = context.backend
        let hasLog = (backend as? any SerialLogProviding)?.serialLog(of: machine) != nil
        console = hasLog ? ConsoleWatch { (backend as? any SerialLogProviding)?.serialLog(of: machine) } : nil
    }

    /// Starts the machine, unless it runs, and returns once the guest let us in with the pinned key.
    ///
    /// Nobody knocks before the console of a booting guest speaks of a login, or has been silent for a while: under user
    /// networking an earlier knock waits at the guest's door, and an emulated guest needs half a second to send it away.
    /// - Throws: what `forSSH` and the backend throw.
    mutating func start() async throws {
        let boots = try await context.backend.powerState(of: machine) == .off
        try await context.backend.start(machine)
        StepProgress.report("waiting for SSH")
        if boots {
            lastSign = .now
            try await WaitingTime.measure {
                while let console, !console.speaksOfLogin, ContinuousClock.now - lastSign < Self.silence(console) {
                    try await look()
                    try await ContinuousClock().sleep(for: .milliseconds(200))
                }
            }
        }
        try await forSSH()
    }

    /// How long a console may be silent that is expected to speak of a login. The firmware's words are no promise: an image may
    /// leave the serial console after them.
    private static func silence(_ console: ConsoleWatch) -> Duration { console.kernelHasSpoken ? .seconds(30) : .seconds(5) }

    /// Returns once the guest let us in with the pinned key.
    /// - Throws: `guest.died`, `guest.silent`, `ssh.host-key-mismatch`, `ssh.authentication-refused`.
    mutating func forSSH() async throws {
        try await WaitingTime.measure { try await connect() }
    }

    private mutating func connect() async throws {
        var refusals = 0
        while true {
            do {
                _ = try await context.guest.live(timeout: .seconds(5))
                return
            } catch let error as Failure where Self.isTooEarly(error.code) || isSilence(error) {
                try await look()
            } catch let error as Failure where error.code == .sshAuthenticationRefused && refusals < 40 {
                // The server may be up a moment before the account is.
                refusals += 1
                try await look()
            }
            try await ContinuousClock().sleep(for: pause)
        }
    }

    /// A platform whose console cannot be read lies behind a network: each look at it is a question to a server.
    private var pause: Duration { console == nil ? .seconds(1) : .milliseconds(200) }

    /// A first boot may restart the guest, and a hung kernel is started again; one that goes on like that will never come up.
    private static let mostStarts = 3

    private static func isTooEarly(_ code: Failure.Code) -> Bool {
        [.guestNoAddress, .socketRefused, .socketUnreachable, .timedOut, .sshConnectionLost, .sshTimedOut, .sshHandshakeFailed, .sshProtocol].contains(code)
    }

    /// Runs a command that ends when the guest is ready for more, telling what the console says meanwhile.
    func watching<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await WaitingTime.measure { try await watchingUnmeasured(body) }
    }

    private func watchingUnmeasured<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                var watch = self
                while !Task.isCancelled {
                    try await watch.look()
                    try await ContinuousClock().sleep(for: watch.pause)
                }
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else { throw CancellationError() }
            return value
        }
    }

    private static let mostSilentAnswers = 10

    private func isSilence(_ failure: Failure) -> Bool { (context.backend as? any RemotePlatform)?.isSilence(failure) ?? false }

    /// What the machine does; nil while its platform does not answer, which a boot outlasts for a while.
    private mutating func powerState() async throws -> PowerState? {
        do {
            let state = try await context.backend.powerState(of: machine)
            silentAnswers = 0
            return state
        } catch let error as Failure where isSilence(error) && silentAnswers < Self.mostSilentAnswers {
            silentAnswers += 1
            return nil
        }
    }

    /// One look at console and machine.
    private mutating func look() async throws {
        try Task.checkCancellation()
        if let line = try console?.advance() {
            lastSign = .now
            StepProgress.report("guest: \(line)")
        }
        switch try await powerState() {
        case nil, .running, .unresponsive: break
        case .paused(let reason, let remedy):
            throw Failure(.guestDied, "the guest stopped while booting: \(reason)" + consoleTail, remedy: remedy)
        case .off, .absent:
            throw Failure(
                .guestDied, "the guest's machine ended while booting" + consoleTail,
                remedy: "pgkvm logs \(context.spec.name) --qemu; run the same command to try again")
        }
        try await startHungKernelAgain()
        if let starts = console?.kernelStarts, starts > Self.mostStarts {
            throw Failure(
                .guestDied, "the guest has begun to boot \(starts) times and never came up" + consoleTail,
                remedy: "pgkvm logs \(context.spec.name) --serial says why; 'pgkvm stop --force \(context.spec.name)' ends it")
        }
        guard ContinuousClock.now - lastSign < patience else {
            throw Failure(
                .guestSilent,
                "the guest has printed nothing for \(patience.components.seconds) s and does not answer over SSH" + consoleTail,
                remedy: "look at 'pgkvm console \(context.spec.name)'; run the same command to go on waiting, "
                    + "or 'pgkvm restart --force \(context.spec.name)' first if its kernel hangs")
        }
    }

    /// A guest whose console cannot be read shows no sign of life until it answers.
    private var patience: Duration { console == nil ? context.bootPatience * 4 : context.bootPatience }

    /// A kernel that stops in the midst of its own start, before it has mounted anything, has nothing to lose: the guest is started
    /// again, once. Seen under emulation on an overloaded host.
    private mutating func startHungKernelAgain() async throws {
        guard !wasStartedAgain, ContinuousClock.now - lastSign >= context.bootPatience / 2, console?.isBeforeUserSpace == true else { return }
        wasStartedAgain = true
        StepProgress.report("the guest's kernel fell silent before it mounted anything: starting the guest again")
        try await context.backend.powerOff(machine)
        try await context.backend.start(machine)
        lastSign = .now
    }

    private var consoleTail: String {
        guard let tail = console?.tail, !tail.isEmpty else { return "; its console is empty" }
        return "; the last console lines:\n    " + tail.joined(separator: "\n    ")
    }
}

extension Failure.Code {
    package static let guestDied = Failure.Code("guest.died")
    package static let guestSilent = Failure.Code("guest.silent")
}

internal import ApplianceModel
package import Basics
internal import HostSystem
internal import MachineBackend
internal import SecureShell
internal import Synchronization
internal import Workflow

/// Waits for a booting guest: reports what it prints, gives a slow guest time, and notices a dead one.
///
/// This is an actor, so that what was seen and done once counts for every later wait, and for a wait beside a command.
actor GuestWait {
    let context: DeploymentContext
    let machine: MachineReference
    private var console: ConsoleWatch?
    /// The guest's last sign of life.
    let signs = SignsOfLife()
    private var wasStartedAgain = false
    /// How many times in a row the platform did not answer.
    private var silentAnswers = 0
    private let limits: GuestWaitLimits
    /// When the wait for SSH began.
    private var began = ContinuousClock.now

    /// - Parameter limits: the limits of the wait; nil derives them from the deployment's patience.
    init(context: DeploymentContext, machine: MachineReference, limits: GuestWaitLimits? = nil) {
        self.context = context
        self.machine = machine
        self.limits = limits ?? GuestWaitLimits(patience: context.bootPatience)
        let backend = context.backend
        let hasLog = backend.capabilities.serialLog?.serialLog(of: machine) != nil
        console = hasLog ? ConsoleWatch { backend.capabilities.serialLog?.serialLog(of: machine) } : nil
    }

    /// Starts the machine, unless it runs, and returns once the guest has accepted a login and proved its pinned key.
    ///
    /// No connection is attempted until the console of a booting guest mentions a login, or has been silent for a while. Under user networking, an
    /// earlier attempt would wait for the guest, and an emulated guest needs half a second to reject it.
    /// - Throws: the errors of `forSSH` and of the backend.
    func start() async throws {
        let boots = try await context.backend.powerState(of: machine) == .off
        try await context.backend.start(machine)
        StepProgress.report("waiting for SSH")
        began = .now
        if boots {
            signs.note()
            try await WaitingTime.measure {
                while let console, !console.speaksOfLogin, ContinuousClock.now - signs.last < Self.silence(console) {
                    try await look()
                    try checkTotal()
                    try await ContinuousClock().sleep(for: .milliseconds(200))
                }
            }
        }
        try await WaitingTime.measure { try await connect() }
    }

    /// How long a console that is expected to mention a login may be silent. Output of the firmware is not enough to expect one: an image may stop
    /// using the serial console after it.
    private static func silence(_ console: ConsoleWatch) -> Duration { console.kernelHasSpoken ? .seconds(30) : .seconds(5) }

    /// Returns once the guest has accepted a login and proved its pinned key.
    /// - Throws: `guest.died`, `guest.silent`, `guest.unreachable`, `ssh.host-key-mismatch`, `ssh.authentication-refused`.
    func forSSH() async throws {
        began = .now
        try await WaitingTime.measure { try await connect() }
    }

    private func connect() async throws {
        var refusals = 0
        var knock = limits.firstKnock
        while true {
            do {
                try await context.guest.connect(timeout: knock)
                return
            } catch let error as Failure where Self.isTooEarly(error.code) || isSilence(error) {
                knock = limits.knock(after: knock, error.code)
                try await look()
            } catch let error as Failure where error.code == .sshAuthenticationRefused && refusals < 40 {
                // The server may be up a moment before the account exists.
                refusals += 1
                try await look()
            }
            try checkTotal()
            try await ContinuousClock().sleep(for: pause)
        }
    }

    /// Ends the wait for a guest that prints but never accepts a login.
    private func checkTotal() throws {
        guard ContinuousClock.now - began >= limits.total else { return }
        throw Failure(
            .guestUnreachable, "the guest's machine runs and has not answered over SSH for \(limits.total.components.seconds) s" + consoleTail,
            remedy:
                "look at 'pgkvm console \(context.spec.name)'; run the same command to go on waiting, or begin with 'pgkvm restart --force \(context.spec.name)'"
        )
    }

    /// A platform whose console cannot be read is behind a network: each check is a request to a server.
    private var pause: Duration { console == nil ? .seconds(1) : .milliseconds(200) }

    /// A first boot may restart the guest, and a hung kernel is started again. A guest that restarts more often will never come up.
    private static let mostStarts = 3

    private static func isTooEarly(_ code: Failure.Code) -> Bool {
        [.guestNoAddress, .socketRefused, .socketUnreachable, .timedOut, .sshConnectionLost, .sshTimedOut, .sshHandshakeFailed, .sshProtocol].contains(code)
    }

    /// Runs a command that ends when the guest is ready for more, and reports what the console prints meanwhile.
    func watching<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await WaitingTime.measure { try await watchingUnmeasured(body) }
    }

    private func watchingUnmeasured<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await self.lookOn()
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else { throw CancellationError() }
            return value
        }
    }

    /// Watches until it is cancelled, or until what it sees ends the wait.
    private func lookOn() async throws {
        while !Task.isCancelled {
            try await look()
            try await ContinuousClock().sleep(for: pause)
        }
    }

    private static let mostSilentAnswers = 10

    private func isSilence(_ failure: Failure) -> Bool { context.backend.capabilities.remote?.isSilence(failure) ?? false }

    /// The machine's state; nil while its platform does not answer. A boot tolerates that for a while.
    private func powerState() async throws -> PowerState? {
        do {
            let state = try await context.backend.powerState(of: machine)
            silentAnswers = 0
            return state
        } catch let error as Failure where isSilence(error) && silentAnswers < Self.mostSilentAnswers {
            silentAnswers += 1
            return nil
        }
    }

    /// Checks the console and the machine once.
    private func look() async throws {
        try Task.checkCancellation()
        if let line = try console?.advance() {
            signs.note()
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
        guard ContinuousClock.now - signs.last < patience else {
            throw Failure(
                .guestSilent,
                "the guest has printed nothing for \(patience.components.seconds) s and does not answer over SSH" + consoleTail,
                remedy: "look at 'pgkvm console \(context.spec.name)'; run the same command to go on waiting, "
                    + "or 'pgkvm restart --force \(context.spec.name)' first if its kernel hangs")
        }
    }

    /// If the console of a guest cannot be read, the guest shows no sign of life until it answers.
    private var patience: Duration { console == nil ? context.bootPatience * 4 : context.bootPatience }

    /// A kernel that hangs during its own start, before it has mounted anything, has nothing to lose, so the guest is started again, once. Such hangs
    /// were seen under emulation on an overloaded host.
    private func startHungKernelAgain() async throws {
        guard !wasStartedAgain, ContinuousClock.now - signs.last >= context.bootPatience / 2, console?.isBeforeUserSpace == true else { return }
        wasStartedAgain = true
        StepProgress.report("the guest's kernel fell silent before it mounted anything: starting the guest again")
        try await context.backend.powerOff(machine)
        try await context.backend.start(machine)
        signs.note()
    }

    private var consoleTail: String {
        guard let tail = console?.tail, !tail.isEmpty else { return "; its console is empty" }
        return "; the last console lines:\n    " + tail.joined(separator: "\n    ")
    }
}

/// When a guest last showed a sign of life.
final class SignsOfLife: Sendable {
    private let instant = Mutex(ContinuousClock.now)

    var last: ContinuousClock.Instant { instant.withLock { $0 } }

    func note() { instant.withLock { $0 = .now } }
}

/// How long to wait for a booting guest.
struct GuestWaitLimits: Sendable, Equatable {
    /// The limit for the first attempt to connect and to log in.
    var firstKnock: Duration = .seconds(5)
    /// The limit for an attempt after slow ones.
    var longestKnock: Duration
    /// The limit for the whole wait until the guest accepts a login, whatever it prints meanwhile.
    var total: Duration

    /// - Parameter patience: how long the guest may print nothing.
    init(patience: Duration) {
        longestKnock = max(.seconds(5), min(.seconds(60), patience / 5))
        // On a busy host, an emulated guest was seen to need twenty minutes.
        total = patience * 12
    }

    /// The limit of the next attempt. A guest that was too slow for a whole handshake is given more time: starting over would cost it another key
    /// exchange, and it would never complete one. A failure for another reason says nothing about its speed.
    func knock(after last: Duration, _ code: Failure.Code) -> Duration {
        [.timedOut, .sshTimedOut].contains(code) ? min(longestKnock, last * 2) : last
    }
}

extension Failure.Code {
    /// The guest prints but does not answer over SSH.
    package static let guestUnreachable = Failure.Code("guest.unreachable")
    package static let guestDied = Failure.Code("guest.died")
    package static let guestSilent = Failure.Code("guest.silent")
}

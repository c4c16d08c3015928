import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Synchronization
import TestSupport
import Testing

@testable import Deployment

/// A platform that starts machines with the host and gives them priorities, in memory.
private final class WillingBackend: PassingBackend, HostStarting, PriorityProviding {
    struct Notes {
        var autostart = Autostart.off
        var refusal: Failure?
        var start: Result<HostStart?, Failure> = .success(nil)
        /// What was done to the host's own start, and whether the machine ran then.
        var asked: [String] = []
        var kept = MachinePriority()
        var inForce = PriorityInForce(leastMemory: .gibibytes(1))
    }
    let base: FakeBackend
    let notes = Mutex(Notes())
    var kind: BackendKind { base.kind }

    var capabilities: Capabilities {
        var can = Capabilities()
        can.hostStart = self
        can.priority = self
        return can
    }

    init(base: FakeBackend) { self.base = base }

    func autostart(of machine: MachineReference) async throws -> Autostart { notes.withLock { $0.autostart } }
    func setAutostart(_ isOn: Bool, of machine: MachineReference) async throws {
        try notes.withLock {
            if let refusal = $0.refusal { throw refusal }
            $0.autostart = isOn ? .on(unit: "pgkvm@db.service") : .off
        }
    }
    func hostStart(of machine: MachineReference) async throws -> HostStart? { try notes.withLock { $0.start }.get() }
    func cancelHostStart(of machine: MachineReference) async throws {
        let isOff = try await base.powerState(of: machine) == .off
        notes.withLock { $0.asked.append("cancel, machine \(isOff ? "off" : "on")") }
    }
    func forgetFailedHostStart(of machine: MachineReference) async { notes.withLock { $0.asked.append("forget") } }
    func rememberedPriority(of machine: MachineReference) async throws -> MachinePriority { notes.withLock { $0.kept } }
    func priorityInForce(of machine: MachineReference) async throws -> PriorityInForce { notes.withLock { $0.inForce } }
    func setPriority(_ priority: MachinePriority, of machine: MachineReference) async throws { notes.withLock { $0.kept = priority } }
    func resetPriority(of machine: MachineReference) async throws { notes.withLock { $0.kept = MachinePriority() } }
}

@Suite("Start with the host")
struct ApplianceAutostartTests {
    private func with(_ body: (Scratch, WillingBackend, Appliance) async throws -> Void) async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            let backend = WillingBackend(base: scratch.backend)
            let environment = ApplianceEnvironment(state: scratch.state, images: scratch.environment.images, platform: { _ in backend })
            try await body(scratch, backend, Appliance.open("db", in: environment))
        }
    }

    @Test("A start by the host that is under way is ended before the machine is, so that it is not tried again")
    func cancelled() async throws {
        try await with { scratch, backend, appliance in
            scratch.backend.fail("start", with: nil)
            try await appliance.context.backend.start(try #require(try await appliance.machine()))
            try await appliance.stop(grace: .seconds(1), force: true)
            #expect(backend.notes.withLock { $0.asked } == ["cancel, machine on"])
            try await appliance.delete()
            #expect(backend.notes.withLock { $0.asked }.last == "cancel, machine off")
        }
    }

    @Test("A start that went well has the host forget that its own failed")
    func forgotten() async throws {
        try await with { scratch, backend, appliance in
            scratch.backend.fail("start", with: nil)
            try await appliance.start()
            #expect(backend.notes.withLock { $0.asked } == ["forget"])
        }
    }

    @Test(
        "How the host's own start is going is shown in words, and a host that cannot be asked does not spoil the rest",
        arguments: [
            (.success(nil), nil), (.success(.underWay(doing: nil)), "under way"),
            (.success(.failing(reason: "error[x]: y")), "failed, and is tried again: error[x]: y"),
            (.success(.failed(reason: nil, remedy: "journalctl -u x")), "failed, and is not tried again; try: journalctl -u x"),
            (.failure(Failure(.programFailed, "no bus")), "cannot be told: no bus"),
        ] as [(Result<HostStart?, Failure>, String?)])
    func shown(start: Result<HostStart?, Failure>, text: String?) async throws {
        try await with { _, backend, appliance in
            backend.notes.withLock { $0.start = start }
            let shown = try await appliance.hostStart()
            #expect(shown == text)
        }
    }

    @Test("is on by default where the host can do it, and stays as somebody decided, through later deployments too")
    func byDefault() async throws {
        try await with { _, backend, appliance in
            #expect(try await appliance.context.startWithHostByDefault() == nil)
            #expect(try await appliance.autostart() == .on(unit: "pgkvm@db.service"))
            try await appliance.setAutostart(false)
            #expect(try await appliance.context.startWithHostByDefault() == nil)
            #expect(try await appliance.autostart() == .off)
            #expect(try StoredAutostart.load(appliance.directory) == false)
            try await appliance.setAutostart(true)
            #expect(AutostartSummary(name: appliance.name, try await appliance.autostart()).text == "on: 'db' starts with this host (pgkvm@db.service)")
        }
    }

    @Test("is no decision where the host cannot do it, and no failure of the deployment where it does not work")
    func cannot() async throws {
        try await with { _, backend, appliance in
            backend.notes.withLock { $0.autostart = .unavailable(reason: "systemd does not run this host", remedy: "call pgkvm start") }
            #expect(try await appliance.context.startWithHostByDefault() == nil)
            #expect(try StoredAutostart.load(appliance.directory) == nil)
            let text = AutostartSummary(name: appliance.name, try await appliance.autostart()).text
            #expect(text == "off: 'db' does not start with this host, since systemd does not run this host\n  try: call pgkvm start")
            backend.notes.withLock {
                $0.autostart = .off
                $0.refusal = Failure(.unsupported, "no such luck", remedy: "pray")
            }
            #expect(try await appliance.context.startWithHostByDefault() == "'db' does not start with this host: no such luck; pray")
            #expect(try StoredAutostart.load(appliance.directory) == nil)
        }
    }

    @Test("is refused before there is a machine, and on a damaged or newer file")
    func refused() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            let willing = ApplianceEnvironment(
                state: scratch.state, images: scratch.environment.images, platform: { _ in WillingBackend(base: scratch.backend) })
            let half = try Appliance.open("db", in: willing)
            for call in [{ _ = try await half.autostart() }, { _ = try await half.priority() }] as [() async throws -> Void] {
                let error = await #expect(throws: Failure.self) { try await call() }
                #expect(error?.code == .machineNotFound)
            }
            for (text, code) in [("{", Failure.Code.fileUnreadable), (#"{"formatVersion":2,"isOn":true}"#, .newerFormat)] {
                try Files.write(text, to: half.directory.autostart)
                let error = #expect(throws: Failure.self) { try StoredAutostart.load(half.directory) }
                #expect(error?.code == code)
            }
        }
    }

    @Test("A start without what was remembered says so, and a start with it says nothing")
    func priorityWarnings() async throws {
        try await with { _, backend, appliance in
            try await appliance.setPriority(MachinePriority(nice: 5, cpuWeight: 200))
            #expect(await appliance.priorityWarnings().isEmpty)
            backend.notes.withLock {
                $0.inForce.processID = 7
                $0.inForce.threads = [5, 5]
            }
            #expect(await appliance.priorityWarnings() == ["'db' runs without cpu weight 200, which was set for it; pgkvm priority db"])
            backend.notes.withLock { $0.inForce.cpuWeight = 200 }
            #expect(await appliance.priorityWarnings().isEmpty)
            try await appliance.resetPriority()
            #expect(try await appliance.priority().remembered == .init(nice: nil, cpuWeight: nil, memoryMaxBytes: nil))
        }
    }
}

@Suite("What a priority means on a host")
struct PrioritySummaryTests {
    private func text(_ change: (inout PriorityInForce) -> Void) throws -> String {
        var inForce = PriorityInForce(leastMemory: .mebibytes(4096))
        inForce.processID = 7
        inForce.threads = [5, 5, 5]
        change(&inForce)
        return PrioritySummary(name: try #require(ApplianceName("db")), remembered: MachinePriority(nice: 5), inForce: inForce).text
    }

    @Test("Without groups nice counts against everybody, in a session's group within it, in a control group within that")
    func places() throws {
        let plain = try text { $0.obstacle = "there are no groups" }
        #expect(plain.contains("nice:         5 on every thread; counts against every process of this host"))
        #expect(plain.contains("autogroup:    none"))
        #expect(plain.contains("cpu weight:   not possible: there are no groups"))
        let off = try text { $0.autogroup = 5 }
        #expect(off.contains("against every process") && off.contains("kernel.sched_autogroup_enabled is 0"))
        let session = try text {
            $0.autogroup = 5
            $0.areSessionsGroups = true
        }
        #expect(session.contains("counts within its own session") && session.contains("nice 5; counts against the other sessions"))
        let group = try text {
            ($0.autogroup, $0.areSessionsGroups, $0.isWeighed, $0.group) = (5, true, true, "/pgkvm.slice/pgkvm-db.service")
            ($0.cpuWeight, $0.memoryMax, $0.manager) = (200, .gibibytes(8), "systemd")
        }
        #expect(group.contains("counts within its control group") && group.contains("does not count, since a control group"))
        #expect(group.contains("200 (100 is what every group has); counts against the groups beside /pgkvm.slice/pgkvm-db.service"))
        #expect(group.contains("memory max:   8GiB; 4GiB is the least that can be allowed"))
        #expect(!group.contains("not in force"))
    }

    @Test("What is remembered and not in force is said; an appliance that is off gets it at the next start")
    func missing() throws {
        #expect(try text { $0.threads = [5, 0] }.contains("nice:         0 to 5"))
        #expect(try text { $0.threads = [5, 0] }.contains("not in force: nice 5"))
        let off = try text { ($0.processID, $0.threads, $0.manager) = (nil, [], "systemd") }
        #expect(off.contains("remembered:   nice 5; set at the next start"))
        #expect(off.contains("set by systemd while it runs"))
    }
}

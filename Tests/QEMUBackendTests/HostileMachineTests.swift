import ApplianceModel
import Basics
import Glibc
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

/// A QEMU that was taken over from the guest, and a guest's agent that lies. Each call ends; the suite's limit is for one that does not.
@Suite("A hostile machine", .serialized, .timeLimit(.minutes(40)))
struct HostileMachineTests {
    private static let monitors = [
        "events", "line", "dribble", "silence", "nesting", "greeted-events", "greeted-line", "greeted-dribble", "greeted-silence",
    ]

    @Test("A monitor that floods, never ends its line, dribbles or says nothing is unresponsive", arguments: monitors)
    func monitor(behaviour: String) async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            let socket = try bench.machineDirectory().file(MachineDirectory.Name.monitorSocket)
            try await HostileSocket.with(behaviour, at: socket) {
                let error = await #expect(throws: Failure.self) {
                    try await QMPClient.connect(socket, timeout: .seconds(2))?.execute("query-status")
                }
                #expect(error?.code == .monitorUnresponsive)
                // No process runs, whatever answers.
                #expect(try await bench.backend.powerState(of: machine) == .off)
                #expect(try await bench.backend.usage(of: machine, timeout: .seconds(1)).state == .off)
                try await bench.backend.delete(machine)
                #expect(try await bench.backend.powerState(of: machine) == .absent)
            }
        }
    }

    @Test("A conversation has its time, however many commands it has")
    func conversation() async throws {
        try await Workbench.with { bench in
            _ = try await bench.backend.create(bench.spec())
            let socket = try bench.machineDirectory().file(MachineDirectory.Name.monitorSocket)
            try await HostileSocket.with("greeted-silence", at: socket) {
                let client = try #require(try await QMPClient.connect(socket, timeout: .seconds(2)))
                for _ in 0..<100 {
                    let error = await #expect(throws: Failure.self) { try await client.execute("query-status") }
                    #expect(error?.code == .monitorUnresponsive)
                }
            }
        }
    }

    @Test("What a monitor says reaches nobody's terminal as it is")
    func coloured() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            let socket = try bench.machineDirectory().file(MachineDirectory.Name.monitorSocket)
            try await HostileSocket.with("coloured", at: socket) {
                let state = try await bench.backend.powerState(of: machine)
                #expect(state == .paused(reason: "QEMU says '\\u{1b}[2Jgone'", remedy: "pgkvm start orders"))
                let error = await #expect(throws: Failure.self) { try await QMPClient.connect(socket)?.execute("cont") }
                #expect(error?.message == "QEMU refused 'cont': \\u{1b}]0;taken over\\u{7} no\\u{9b}31m")
            }
        }
    }

    @Test(
        "An agent that floods, never ends its line, dribbles or says nothing has told no address",
        arguments: [
            "events", "line", "dribble", "silence", "nesting", "synchronized-events", "synchronized-line", "synchronized-dribble", "synchronized-silence",
        ])
    func agent(behaviour: String) async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(
                bench.spec {
                    $0.network = NetworkDecision(mode: .bridge, macAddress: "52:54:00:a1:b2:c3", sshPort: 22, postgresqlPort: 5432, device: "br-of-none")
                })
            try await HostileSocket.with(behaviour, at: bench.machineDirectory().file(MachineDirectory.Name.agentSocket)) {
                let endpoint = try await bench.backend.endpoint(of: machine, service: .postgresql)
                #expect(endpoint == nil)
            }
        }
    }

    @Test("A QEMU that hangs is deleted")
    func hanging() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            let process = try #require(try await bench.backend.processID(of: machine))
            #expect(kill(process, SIGSTOP) == 0)
            try await bench.backend.delete(machine)
            #expect(!ProcessTable.exists(process))
            #expect(try await bench.backend.powerState(of: machine) == .absent)
        }
    }
}

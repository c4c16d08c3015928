import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Synchronization
import TestSupport
import Testing

@testable import ProxmoxBackend

/// A server or a node that is away for a while.
@Suite("A Proxmox VE that is away", .server)
struct OutageTests {
    @Test("A node that does not answer for a moment ends no wait")
    func moments() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            let gone: @Sendable (Int) -> [PVEModel.Fault] = { times in
                // The look before the start is answered.
                (1...times).map {
                    PVEModel.Fault("GET", "status/current", .answer(status: 595, reason: "No route to host", body: ""), skipping: $0 == 1 ? 1 : 0)
                }
            }
            rig.change { $0.faults = gone(3) }
            try await rig.backend.start(machine)
            #expect(rig.server.model.withLock { $0.faults.isEmpty })
            rig.change { $0.faults = gone(3) }
            try await rig.backend.powerOff(machine)
            #expect(try await rig.backend.powerState(of: machine) == .off)
            rig.change { $0.faults = gone(50) }
            #expect(await failure { try await rig.backend.start(machine) }?.code == .proxmoxNode)
        }
    }

    @Test("Nor does one that is restarted while a machine is made")
    func restarted() async throws {
        try await PVEServer.with { server in
            var timing = Rig.timing
            timing.outage = .seconds(300)
            let rig = try Rig(server)
            let backend = ProxmoxBackend(
                connection: rig.connection, environment: { $0 == PVEToken.variable ? rig.server.tokenLine : nil }, timing: timing)
            let away = (0..<12).map { _ in PVEModel.Fault("GET", "qmcreate", .answer(status: 595, reason: "No route to host", body: "")) }
            rig.change { $0.faults = away }
            _ = try await backend.create(rig.machineSpec)
            #expect(rig.ours.count == 1)
            #expect(rig.server.model.withLock { $0.faults.count } < away.count - 5)
        }
    }

    @Test("A question whose connection is cut is asked again; a change is not sent twice")
    func cut() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            rig.change { $0.faults = [PVEModel.Fault("GET", "status/current", .cutBefore), PVEModel.Fault("GET", "cluster/resources", .cutBefore)] }
            #expect(try await rig.backend.powerState(of: machine) == .running)
            rig.change { $0.faults = [PVEModel.Fault("POST", "status/shutdown", .cutBefore)] }
            let former = rig.server.requests.withLock { $0.count }
            #expect(await failure { try await rig.backend.shutDown(machine, grace: .seconds(5)) }?.code == .proxmoxUnreachable)
            let sent = rig.server.requests.withLock { $0.dropFirst(former).filter { $0.method == "POST" } }
            #expect(sent.count == 1)
        }
    }

    @Test("A request waits for a server that is being restarted, at any moment of the run")
    func restart() async throws {
        try await PVEServer.with { server in
            let port = try Sockets.pickFreePort()
            let rig = try Rig(server)
            var connection = rig.connection
            connection.url = "https://127.0.0.1:\(port)"
            var timing = Rig.timing
            timing.outage = .seconds(600)
            let backend = ProxmoxBackend(
                connection: connection, environment: { $0 == PVEToken.variable ? "127.0.0.1:\(port) \(PVEServer.token)" : nil }, timing: timing)
            let machine = try await rig.deploy()
            // A server that has never answered may as well be a wrong address.
            #expect(await failure { _ = try await backend.powerState(of: machine) }?.code == .proxmoxUnreachable)
            let state = try await Self.withRelay(from: port, to: server) {
                var state: PowerState?
                while state == nil { state = try? await backend.powerState(of: machine) }
                return state
            }
            #expect(state == .running)
            let off = Task { try await backend.powerOff(machine) }
            // Away for the first requests.
            try await Task.sleep(for: .seconds(1))
            try await Self.withRelay(from: port, to: server) { try await off.value }
            #expect(try await rig.backend.powerState(of: machine) == .off)
        }
    }

    private static func withRelay<Value: Sendable>(from port: UInt16, to server: PVEServer, _ body: () async throws -> Value) async throws -> Value {
        let target = server.url.dropFirst("https://".count)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = try await ProgramRunner.run(
                    "setpriv", ["--pdeathsig", "KILL", "socat", "TCP-LISTEN:\(port),bind=127.0.0.1,reuseaddr,fork", "TCP:\(target)"])
            }
            defer { group.cancelAll() }
            return try await body()
        }
    }
}

import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import TestSupport
import Testing

@testable import MachineBackend

/// What the machines of a state directory were promised, some of whose records are damaged.
@Suite("Promised networks")
struct PromisedNetworksTests {
    private static let record = """
        {
          "formatVersion" : 1,
          "hasSeed" : false,
          "isComplete" : true,
          "spec" : { "name" : "orders", "network" : { "macAddress" : "52:54:00:12:34:56", "mode" : "user", "postgresqlPort" : 21433, "sshPort" : 21432 } }
        }
        """

    private func withState<Value>(_ records: [String: String], _ body: (StateDirectory) throws -> Value) throws -> Value {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-promised")
        defer { try? Files.remove(directory) }
        let state = StateDirectory(path: directory)
        for (name, text) in records {
            let name = try #require(ApplianceName(name))
            try MachineRecords(state.appliance(name).machine()).write(Array(text.utf8), to: MachineDirectory.Record.machine)
        }
        return try body(state)
    }

    private func network(ssh: UInt16? = nil, postgresql: UInt16? = nil) -> ApplianceSpec.Network {
        var network = ApplianceSpec.Network()
        network.sshPort = ssh
        network.postgresqlPort = postgresql
        return network
    }

    @Test(
        "The ports of a damaged record stay promised",
        arguments: [
            record, record.replacing("\"formatVersion\" : 1", with: "\"formatVersion\" : 9"), String(record.dropLast(4)),
            record.replacing("52:54:00:12:34:56\"", with: "52:54"), "garbage" + record, record.replacing("{\n", with: "{\u{0}\n"),
        ])
    func kept(text: String) throws {
        try withState(["orders": text]) { state in
            let promised = try PromisedNetworks(in: state)
            #expect(promised.ports == [21432, 21433])
            #expect(promised.unknown.isEmpty)
            #expect(throws: Failure.self) { try promised.pickPorts(network(ssh: 21432)) }
        }
    }

    @Test("Where they are lost, no port is picked, and one that the user chooses is taken", arguments: ["", "{}", String(record.prefix(120)), "\u{0}\u{ff}"])
    func lost(text: String) throws {
        try withState(["orders": text]) { state in
            let promised = try PromisedNetworks(in: state)
            #expect(promised.unknown.map(\.rawValue) == ["orders"])
            let failure = #expect(throws: Failure.self) { try promised.pickPorts(network(ssh: 21434)) }
            #expect(failure?.code == .networkPortsUnknown)
            #expect(failure?.message.contains("'orders'") == true)
            let ports = (ssh: try Sockets.pickFreePort(), postgresql: try Sockets.pickFreePort())
            let picked = try promised.pickPorts(network(ssh: ports.ssh, postgresql: ports.postgresql))
            #expect(picked == ports)
        }
    }

    @Test("A damaged record of a guest on a network of its own keeps no port of this host", arguments: ["bridge", "nat", "tap"])
    func otherMode(mode: String) throws {
        let text = Self.record.replacing("\"user\"", with: "\"\(mode)\"").replacing("21433", with: "5432").replacing("21432", with: "22")
        try withState(["orders": String(text.dropLast(4))]) { state in
            let promised = try PromisedNetworks(in: state)
            #expect(promised.ports.isEmpty)
            #expect(promised.unknown.isEmpty)
        }
    }

    @Test("A record that is no regular file is a damaged one")
    func noFile() throws {
        try withState([:]) { state in
            let name = try #require(ApplianceName("orders"))
            try Files.createDirectory(state.appliance(name).machine().record(MachineDirectory.Record.machine))
            #expect(try PromisedNetworks(in: state).unknown == [name])
        }
    }
}

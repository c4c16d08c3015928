import ApplianceModel
import Basics
import PostgresClient
import SystemPackage
import TestSupport
import Testing

@Suite("Asking whether a server answers", .postgresCluster)
struct PostgresPingTests {
    let cluster: PostgresCluster

    init() throws { cluster = try #require(PostgresCluster.current) }

    private func ask(port: UInt16, seconds: Int = 30) async throws -> PostgresPing.Answer {
        try await PostgresPing.ask(address: "127.0.0.1", port: port, role: "pgkvm", within: seconds)
    }

    @Test("A server that takes connections, whoever may come in")
    func accepting() async throws {
        // There is no TLS here and no role of this name: a server that refuses is one that answers.
        #expect(try await ask(port: cluster.port) == .accepting)
    }

    @Test("A port where nothing listens, one that accepts and never speaks, and one that speaks something else")
    func silent() async throws {
        let closed = try SilentListener(listening: false)
        #expect(try await ask(port: closed.port) == .silent)
        let mute = try SilentListener(listening: true)
        #expect(try await ask(port: mute.port, seconds: 1) == .silent)
    }

    @Test("A server that takes no connections yet is told from one that is not there")
    func starting() async throws {
        try await PostgresCluster.with { other in
            // A standby that may not be asked refuses clients with the SQLSTATE of a server that is starting.
            try await other.psql("ALTER SYSTEM SET hot_standby = off")
            try await other.stop()
            try await other.write("", to: other.dataDirectory.appending("standby.signal"))
            try await other.start()
            #expect(try await ask(port: other.port) == .starting)
        }
    }

    @Test("What is not an address is refused, not looked up", arguments: ["localhost", "", "127.0.0.1 ", "127.0.0.1,127.0.0.2", "/tmp", "a\0b"])
    func refused(address: String) async throws {
        await expectFailure(.invalidInput) { _ = try await PostgresPing.ask(address: address, port: cluster.port, role: "pgkvm", within: 5) }
    }
}

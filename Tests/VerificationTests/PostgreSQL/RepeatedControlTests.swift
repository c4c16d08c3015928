import ApplianceModel
import HostSystem
import PostgresServer
import Reports
import SystemPackage
import TestSupport
import Testing

@testable import Verification

/// A lie on a real server and the truth in turn, twenty times each: the check must miss none, and never accuse the honest server.
@Suite(
    "Lies of a server, twenty times", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"), .verifiedServer, .serialized)
struct RepeatedControlTests {
    let server: VerifiedServer
    var cluster: PostgresCluster { server.cluster }

    init() throws { server = try #require(VerifiedServer.current) }

    @Test("fsync off is never missed, and on never accused")
    func fsync() async throws {
        try await cluster.stop()
        try await cluster.start(waitsForDisk: true)
        let outcome = try await LieDetection.alternate { isLie, _ in
            try await cluster.psql(isLie ? "ALTER SYSTEM SET fsync = off;" : "ALTER SYSTEM RESET fsync;")
            try await server.reload()
            return try await server.finding(DurabilitySettingsChecks.group)
        }
        #expect(outcome == .perfect)
    }

    @Test("A setting changed by hand is never missed, whether the server has taken it or not, and none is invented")
    func setting() async throws {
        let outcome = try await LieDetection.alternate { isLie, round in
            try await cluster.psql(isLie ? "ALTER SYSTEM SET random_page_cost = 3;" : "ALTER SYSTEM RESET random_page_cost;")
            if round.isMultiple(of: 2) { try await server.reload() }
            return try await server.finding(SettingsChecks.group)
        }
        #expect(outcome == .perfect)
    }

    @Test("A trust line is never missed, and the lines of a deployment are never accused")
    func trust() async throws {
        let file = FilePath(server.configuration.layout.accessFile)
        let honest = try Files.readText(file)
        let outcome = try await LieDetection.alternate { isLie, _ in
            try await cluster.write(isLie ? "host all all 127.0.0.1/32 trust\n" + honest : honest, to: file)
            try await server.reload()
            return try await server.finding(DoorChecks.group)
        }
        #expect(outcome == .perfect)
    }

    @Test("Checksums that are off and a server that is stopped are never missed, and a server with both is never accused")
    func checksumsAndStopped() async throws {
        var stopped: [Finding] = []
        let outcome = try await LieDetection.alternate { isLie, _ in
            try await cluster.stop()
            stopped += try await Verifier.run(server.target(), VerificationOptions(depth: .quick, groups: [.postgresql])) { _ in }.findings
            try await cluster.check("pg_checksums", [isLie ? "--disable" : "--enable", "--no-sync", "-D", cluster.dataDirectory.string])
            try await cluster.start()
            return try await server.findings(PostgresChecks.group).0.first { $0.check == "postgresql.checksums" }
        }
        #expect(outcome == .perfect)
        #expect(stopped.count { $0.check == "postgresql.connection" } == 2 * LieDetection.rounds)
        #expect(stopped.filter { $0.level != .fail } == [])
    }
}

extension VerifiedServer {
    /// Makes the server read its files again, and waits until whoever connects meets what they say.
    fileprivate func reload() async throws {
        let before = try await cluster.psql("SELECT pg_conf_load_time(); SELECT pg_reload_conf();").split(separator: "\n").first.map(String.init)
        let clock = ContinuousClock()
        // The postmaster hands its time on to each new connection, and reads the access lines before it takes one.
        let isRead = try await poll(every: .milliseconds(600), until: clock.now + .seconds(60), on: clock) { () -> Bool? in
            let now = try await cluster.psql("SELECT pg_conf_load_time();").split(separator: "\n").first.map(String.init)
            return now == before ? nil : true
        }
        #expect(isRead == true)
    }
}

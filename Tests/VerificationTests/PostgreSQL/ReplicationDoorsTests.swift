import ApplianceModel
import HostSystem
import TestSupport
import Testing

@testable import Verification

@Suite(
    "The door of replication, as verified", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"),
    .verifiedServer(roles: [.init(name: "barman", replication: true), .init(name: "all", replication: true)]), .serialized)
struct ReplicationDoorsTests {
    let server: VerifiedServer
    private var cluster: PostgresCluster { server.cluster }

    init() throws { server = try #require(VerifiedServer.current) }

    @Test("Open for the roles of the spec and shut for every other is as it has to be")
    func good() async throws {
        let finding = try await server.finding(DoorChecks.group)
        #expect(finding.level == .pass)
        #expect(
            finding.measured.hasSuffix("replication (28000), replication as barman (28P01), replication as all (28P01), replication as app (28000)"),
            "\(finding.measured)")
    }

    @Test("A role of the spec that no line lets in is a failure")
    func shut() async throws {
        try await server.withAccess({ $0.replacing("hostssl  replication \"barman\"", with: "# ") }) {
            let finding = try await server.finding(DoorChecks.group)
            #expect(finding.level == .fail)
            #expect(finding.measured.hasPrefix("replication as barman: refused by 'no pg_hba.conf entry"), "\(finding.measured)")
        }
    }

    @Test("A line that lets every role in is a failure, although the roles of the spec get in")
    func open() async throws {
        try await server.withAccess({ $0 + "\nhostssl replication all 127.0.0.1/32 scram-sha-256\n" }) {
            let finding = try await server.finding(DoorChecks.group)
            #expect(finding.level == .fail)
            #expect(finding.measured.contains("replication: refused by 'must be superuser or replication role to start walsender' (42501)"))
            #expect(finding.measured.contains("replication as app: refused by 'password authentication failed"), "\(finding.measured)")
        }
    }

    @Test("A role that has lost the attribute is a failure behind an open door")
    func attribute() async throws {
        try await cluster.psql("ALTER ROLE barman NOREPLICATION;")
        let finding = try await server.finding(DoorChecks.group)
        try await cluster.psql("ALTER ROLE barman REPLICATION;")
        #expect(finding.level == .fail)
        #expect(finding.measured == "role barman: does not have the attribute REPLICATION")
    }

    @Test("A server that allows no replication is a failure when a role has it")
    func noSenders() {
        #expect(
            ReplicationDoors.obstacles(for: ["barman"], .init(replicating: ["barman", "postgres"], senders: 0)) == [
                "max_wal_senders is 0: replication is off"
            ])
        #expect(ReplicationDoors.obstacles(for: ["e\u{301}"], .init(replicating: ["\u{e9}"], senders: 10)).count == 1)
    }

    @Test("Without such a role in the spec nothing more is tried")
    func none() { #expect(ReplicationDoors.doors(of: [.init(name: "app"), .init(name: "other")]).isEmpty) }
}

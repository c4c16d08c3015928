import ApplianceModel
import Basics
import HostSystem
import PostgresClient
import PostgresServer
import Reports
import SystemPackage
import TestSupport
import Testing

@testable import Verification

/// The controls: each spoils a real server in one way that the checks must see.
@Suite(
    "A server that was spoilt", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"), .verifiedServer, .serialized)
struct SpoiltServerTests {
    let server: VerifiedServer
    var cluster: PostgresCluster { server.cluster }

    init() throws { server = try #require(VerifiedServer.current) }

    @Test("Before it is spoilt, every check passes")
    func unspoilt() async throws {
        try await cluster.stop()
        try await cluster.start(waitsForDisk: true)
        for group in [
            PostgresChecks.group, SettingsChecks.group, DurabilitySettingsChecks.group, PasswordChecks.group, SuperuserChecks.group, DoorChecks.group,
        ] {
            let (findings, _) = try await server.findings(group)
            #expect(!findings.isEmpty)
            #expect(findings.filter { $0.level != .pass } == [])
        }
        let doors = try await server.finding(DoorChecks.group)
        #expect(
            doors.measured
                == "6 of 6 refused: plaintext (28000), another CA, another name, wrong password (28P01), unknown role (28P01), replication (28000)")
        #expect(try Files.list(cluster.directory).filter { $0.hasPrefix(".doors") } == [])
    }

    @Test("fsync off is a failure, whoever asked for it")
    func noFsync() async throws {
        // The cluster's ordinary start says -F.
        try await cluster.restart()
        let finding = try await server.finding(DurabilitySettingsChecks.group)
        #expect(finding.level == .fail)
        #expect(finding.measured.hasPrefix("fsync off, full_page_writes on, synchronous_commit on"))
    }

    @Test("full_page_writes off is a failure, synchronous_commit off for one role a warning that names it")
    func lenientSettings() async throws {
        try await cluster.stop()
        try await cluster.start(waitsForDisk: true)
        try await cluster.psql("ALTER ROLE app IN DATABASE app SET synchronous_commit = off;")
        let lenient = try await server.finding(DurabilitySettingsChecks.group)
        #expect(lenient.level == .warn)
        #expect(lenient.measured.hasSuffix("off for role app in database app"))
        try await cluster.psql("ALTER ROLE app IN DATABASE app RESET synchronous_commit; ALTER SYSTEM SET full_page_writes = off;")
        try await cluster.restart()
        #expect(try await server.finding(DurabilitySettingsChecks.group).measured.contains("full_page_writes off"))
        try await cluster.psql("ALTER SYSTEM RESET full_page_writes;")
        try await cluster.restart()
    }

    @Test("A setting changed by hand is seen, and the table says where it comes from")
    func changedSetting() async throws {
        try await cluster.psql("ALTER SYSTEM SET random_page_cost = 3;")
        let (findings, measurements) = try await server.findings(SettingsChecks.group)
        try await cluster.psql("ALTER SYSTEM RESET random_page_cost;")
        #expect(findings.first?.level == .fail)
        #expect(findings.first?.measured.hasPrefix("random_page_cost: asked 1.1, overridden") == true, "\(findings)")
        #expect(measurements.settings.filter { !$0.isAsAsked }.map(\.name) == ["random_page_cost"])
        #expect(measurements.settings.count == server.configuration.settings.effective.count - 1)
        let row = try #require(measurements.settings.first { $0.name == "shared_buffers" })
        #expect(row.source.contains("/conf.d/20-memory.conf:"))
    }

    @Test("A trust line opens doors, and each is named")
    func trust() async throws {
        try await server.withAccess({ "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n" + $0 }) {
            let doors = try await server.finding(DoorChecks.group)
            #expect(doors.level == .fail)
            for name in ["plaintext: let in", "wrong password: let in", "unknown role: refused", "replication: refused"] {
                #expect(doors.measured.contains(name), "\(doors.measured)")
            }
            #expect(!doors.measured.contains("another CA"))
            let superuser = try await server.finding(SuperuserChecks.group)
            #expect(superuser.level == .fail)
            #expect(superuser.measured == "superuser postgres: let in")
        }
    }

    @Test("A line without TLS opens the door to plaintext, and that one only")
    func plaintext() async throws {
        try await server.withAccess({ $0 + "\nhostnossl all all 127.0.0.1/32 scram-sha-256\n" }) {
            let doors = try await server.finding(DoorChecks.group)
            #expect(doors.level == .fail)
            #expect(doors.measured == "plaintext: let in")
        }
    }

    @Test("A superuser who is asked for a password is reachable, and so is one by membership")
    func superuser() async throws {
        try await server.withAccess({ $0.replacing("host     all       postgres  all                 reject", with: "") }) {
            let finding = try await server.finding(SuperuserChecks.group)
            #expect(finding.level == .fail)
            #expect(
                finding.measured == "superuser postgres: refused by 'password authentication failed for user \"postgres\"' (28P01) instead of SQLSTATE 28000")
        }
        try await cluster.psql("CREATE ROLE boss SUPERUSER NOLOGIN; GRANT boss TO app;")
        let member = try await server.finding(SuperuserChecks.group)
        try await cluster.psql("DROP ROLE boss; GRANT pg_execute_server_program TO app;")
        let executor = try await server.finding(SuperuserChecks.group)
        try await cluster.psql("REVOKE pg_execute_server_program FROM app;")
        #expect(member.level == .fail)
        #expect(member.measured == "role app may become a superuser")
        #expect(executor.level == .warn)
        #expect(executor.measured.hasSuffix("app may run programs or write files as the server's user"))
    }

    @Test("An MD5 hash is seen", .enabled("since 18 the server may refuse to make one") { PostgresCluster.current?.majorVersion ?? 15 < 18 })
    func md5() async throws {
        try await cluster.psql("SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'x';")
        let finding = try await server.finding(PasswordChecks.group)
        try await cluster.psql("DROP ROLE old;")
        #expect(finding.level == .fail)
        #expect(finding.measured == "old: MD5")
    }

    @Test("A database of another encoding or locale is seen")
    func encoding() async throws {
        try await cluster.psql("DROP DATABASE app;\nCREATE DATABASE app OWNER app ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0;")
        let encoding = try await server.findings(PostgresChecks.group).0.first { $0.check == "postgresql.locale" }
        try await cluster.psql("DROP DATABASE app;\nCREATE DATABASE app OWNER app LOCALE 'C' TEMPLATE template0;")
        let locale = try await server.findings(PostgresChecks.group).0.first { $0.check == "postgresql.locale" }
        try await cluster.psql("DROP DATABASE app;")
        let none = try await server.findings(PostgresChecks.group).0.first { $0.check == "postgresql.locale" }
        try await cluster.psql("CREATE DATABASE app OWNER app;")
        #expect(encoding?.level == .fail)
        #expect(encoding?.measured == "app: encoding SQL_ASCII")
        #expect(locale?.measured == "app: C by the C library")
        #expect(none?.measured == "app: there is no such database")
    }

    @Test("Checksums that are off are seen")
    func checksums() async throws {
        try await cluster.stop()
        try await cluster.check("pg_checksums", ["--disable", "--no-sync", "-D", cluster.dataDirectory.string])
        try await cluster.start()
        let finding = try await server.findings(PostgresChecks.group).0.first { $0.check == "postgresql.checksums" }
        try await cluster.stop()
        try await cluster.check("pg_checksums", ["--enable", "--no-sync", "-D", cluster.dataDirectory.string])
        try await cluster.start()
        #expect(finding?.level == .fail)
        #expect(finding?.measured == "off, 0 failures")
    }

    @Test("Of a stopped server nothing passes")
    func stopped() async throws {
        try await cluster.stop()
        let (findings, measurements) = try await Verifier.run(server.target(), VerificationOptions(depth: .full, groups: [.postgresql])) { _ in }
        try await cluster.start()
        #expect(Set(findings.map(\.level)) == [.fail])
        #expect(findings.allSatisfy { $0.remedy != nil })
        #expect(findings.contains { $0.check == "postgresql.doors" && $0.measured.contains("Connection refused") })
        #expect(measurements.metrics == [])
    }
}

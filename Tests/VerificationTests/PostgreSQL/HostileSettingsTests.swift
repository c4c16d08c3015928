import ApplianceModel
import HostSystem
import PostgresClient
import Quoting
import Reports
import SystemPackage
import TestSupport
import Testing

@testable import Verification

/// Settings of a spec, of a role and of a database at once, each of which would break or change a session that takes it.
@Suite(
    "Checks on a server whose settings are made for others", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"),
    .verifiedServer, .serialized)
struct HostileSettingsTests {
    private static let settings = [
        "statement_timeout = '1ms'", "lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '1ms'", "idle_session_timeout = '1ms'",
        "default_transaction_read_only = on", "default_transaction_isolation = 'serializable'", "search_path = 'nowhere'",
        "datestyle = 'SQL', 'DMY'", "intervalstyle = 'sql_standard'", "timezone = 'Asia/Kathmandu'", "bytea_output = 'escape'",
        "client_encoding = 'LATIN1'", "row_security = off", "transform_null_equals = on", "standard_conforming_strings = off",
        "synchronous_commit = 'remote_apply'", "exit_on_error = on", "vacuum_cost_delay = '100ms'", "tcp_user_timeout = '1ms'",
        "client_min_messages = 'debug5'", "quote_all_identifiers = on", "extra_float_digits = -15",
    ]

    let server: VerifiedServer
    private var cluster: PostgresCluster { server.cluster }

    init() async throws {
        server = try #require(VerifiedServer.current)
        let mark = cluster.directory.appending("made-hostile")
        guard try await cluster.runAsServer("test", ["-e", mark.string]).status != 0 else { return }
        let changes = Self.settings.flatMap { setting in
            ["ALTER ROLE pgkvm SET", "ALTER DATABASE pgkvm SET", "ALTER SYSTEM SET"].map { "\($0) \(setting);" }
        }
        try await cluster.psql((changes + ["ALTER SYSTEM SET synchronous_standby_names = '*';"]).joined(separator: "\n"))
        try await cluster.restart()
        try await cluster.write("", to: mark)
    }

    @Test("A session that takes the server's settings can do none of what the checks do")
    func control() async throws {
        let plain = ["-XAtq", "-h", cluster.socketDirectory.string, "-p", "\(cluster.port)", "-U", "postgres", "-d", "pgkvm", "-c"]
        let result = try await cluster.runAsServer("psql", plain + ["CREATE TABLE made_by_others ()"])
        #expect(result.status != 0)
    }

    @Test("A client's checks pass, a commit among them that waits for no standby")
    func client() async throws {
        let (findings, _) = try await server.findings(PostgresChecks.group)
        #expect(Set(findings.map(\.check)).isSuperset(of: ["postgresql.connection", "postgresql.tls", "postgresql.checksums", "postgresql.commit"]))
        #expect(findings.allSatisfy { $0.level == .pass }, "\(findings)")
        #expect(try await CommitProbe.roundTrip(server.target().connect))
    }

    @Test("What is asked of the server as its superuser is answered, and says what the server does for others")
    func superuser() async throws {
        for group in [SuperuserChecks.group, PasswordChecks.group] {
            let finding = try await server.finding(group)
            #expect(finding.level == .pass, "\(finding)")
        }
        let (_, measurements) = try await server.findings(SettingsChecks.group)
        #expect(measurements.settings.count == (try server.target().settings.count))
        #expect(try await server.finding(DurabilitySettingsChecks.group).measured.contains("synchronous_commit remote_apply"))
    }

    @Test("Every door is refused for its own reason")
    func doors() async throws {
        let finding = try await server.finding(DoorChecks.group)
        #expect(finding.level == .pass, "\(finding.measured)")
    }

    @Test("pgbench is measured, and takes its schema away")
    func pgbench() async throws {
        let results = try PgbenchChecks.Results(await PgbenchChecks.output(server.target(), seconds: 1, rounds: 1), seconds: 1, rounds: 1)
        #expect(results.selectOnly > 0)
        #expect(results.tpcbLike > 0)
        let connection = try await server.target().connect()
        #expect(try await connection.query("SELECT FROM pg_namespace WHERE nspname LIKE 'pgkvm%'").isEmpty)
        await connection.close()
    }
}

import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import PostgresClient
import PostgresServer
import SystemPackage
import TestSupport
import Testing

enum ReplicatingRoles {
    /// Names that pg_hba.conf gives a meaning to, unless they are in quotes.
    static let names = [
        "barman", "all", "+group", "@file", "/^.*$", "replication", "sameuser", "a\"b", "\"", "a,b", "#x", " blank ", "e\u{301}\"\u{301}", "$1", "ALL", "a\\",
    ]
    static let others = ["app", "member"]
    /// Quotes and a backslash with combining marks behind them, which make other characters of them.
    static let marked = "d'\u{301}\"\u{301}\\\u{308}; \\! false"
    static let spec: ApplianceSpec? = ApplianceName("orders").map { name in
        var spec = ApplianceSpec(name: name)
        spec.postgresql.roles =
            [.init(name: "app"), .init(name: "group"), .init(name: "member", memberOf: ["group"])] + names.map { .init(name: $0, replication: true) }
        spec.postgresql.databases = [.init(name: "shop", owner: "app"), .init(name: marked, owner: "app", extensions: ["pg_trgm"])]
        return spec
    }
}

@Suite(
    "The door of replication under a real server", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"),
    .renderedServer(ReplicatingRoles.spec), .serialized)
struct ReplicationDoorTests {
    let server: RenderedServer
    var cluster: PostgresCluster { server.cluster }

    init() throws { server = try #require(RenderedServer.current) }

    private func parameters(_ role: String) -> PostgresParameters {
        var parameters = server.parameters(role, database: "postgres")
        parameters.isReplication = true
        return parameters
    }

    private func sqlState(_ parameters: PostgresParameters) async -> String? {
        await #expect(throws: Failure.self) { try await PostgresConnection.open(parameters) }?.sqlState
    }

    @Test("The server reads every line, and each has one role and a network that its clients may come from")
    func lines() async throws {
        #expect(try await cluster.psql("SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL").isEmpty)
        let lines = try await cluster.psql(
            "SELECT type, auth_method, array_length(user_name, 1), count(*), count(DISTINCT address) FROM pg_hba_file_rules WHERE database = '{replication}' GROUP BY 1, 2, 3 ORDER BY 1"
        )
        #expect(lines == "hostssl|scram-sha-256|1|\(3 * ReplicatingRoles.names.count)|3\nlocal|peer|1|1|0\n")
    }

    @Test("A role with the key streams over TLS with its password, whatever its name", arguments: ReplicatingRoles.names)
    func open(role: String) async throws {
        let connection = try await PostgresConnection.open(parameters(role))
        #expect(await connection.tls?.version == "TLSv1.3")
        await connection.close()
        var wrong = parameters(role)
        wrong.password = Secret("not-the-password")
        #expect(await sqlState(wrong) == "28P01")
        var plain = parameters(role)
        plain.sslMode = .disable
        plain.channelBinding = .prefer
        #expect(await sqlState(plain) == "28000")
    }

    @Test(
        "The door stays shut for pgkvm's own role, the superuser and every role without the key",
        arguments: ReplicatingRoles.others + ["pgkvm", "postgres", "group"])
    func shut(role: String) async throws { #expect(await sqlState(parameters(role)) == "28000") }

    @Test("The superuser takes a base backup inside the guest, and another user of the system does not")
    func localBackup() async throws {
        let place = ["-h", cluster.socketDirectory.string, "-p", "\(cluster.port)"]
        let target = cluster.directory.appending("base")
        try await cluster.check("pg_basebackup", place + ["-U", "postgres", "-D", target.string, "-Xs", "-c", "fast", "--no-sync"])
        #expect(try await cluster.check("pg_verifybackup", [target.string]).contains("successfully verified"))
        let other = try await cluster.runAsServer("pg_basebackup", place + ["-U", "barman", "-D", cluster.directory.appending("none").string, "-w"])
        #expect(other.status != 0)
        #expect(other.errorText.contains("no pg_hba.conf entry for replication connection") || other.errorText.contains("Peer authentication failed"))
    }

    @Test("pg_basebackup and pg_receivewal work over the network as a role with the key, and are refused as another")
    func networkBackup() async throws {
        let passfile = cluster.directory.appending("replication.pgpass")
        let authority = cluster.directory.appending("replication.crt")
        let entries = (["barman"] + ReplicatingRoles.others).map {
            PasswordFile.Entry(host: "orders", port: cluster.port, user: $0, password: RenderedServer.password(of: $0))
        }
        try await cluster.write(PasswordFile.render(entries).withRevealed { $0 }, to: passfile)
        func connection(_ role: String) -> String {
            "host=orders hostaddr=127.0.0.1 port=\(cluster.port) user=\(role) passfile=\(passfile) sslmode=verify-full sslrootcert=\(authority) "
                + "sslcert=/nonexistent channel_binding=require"
        }
        // Written by this test's user, and read by the server's.
        try await cluster.write(server.authority.certificatePEM, to: authority)
        let target = cluster.directory.appending("streamed")
        try await cluster.check("pg_basebackup", ["-d", connection("barman"), "-w", "-D", target.string, "-Xs", "-c", "fast", "--no-sync"])
        #expect(try await cluster.check("pg_verifybackup", [target.string]).contains("successfully verified"))

        let log = cluster.directory.appending("wal")
        try await cluster.check("mkdir", [log.string])
        let end = try await cluster.psql("SELECT pg_switch_wal(); SELECT pg_current_wal_insert_lsn();").split(separator: "\n").last.map(String.init)
        try await cluster.check("pg_receivewal", ["-d", connection("barman"), "-w", "-D", log.string, "--no-loop", "--no-sync", "--endpos", try #require(end)])
        #expect(try await !cluster.check("ls", [log.string]).isEmpty)

        for role in ReplicatingRoles.others {
            let refused = try await cluster.runAsServer(
                "pg_basebackup", ["-d", connection(role), "-w", "-D", cluster.directory.appending("none").string, "-Xs"])
            #expect(refused.status != 0)
            #expect(refused.errorText.contains("no pg_hba.conf entry for replication connection"), "\(refused.errorText)")
        }
    }

    @Test("Quotes with combining marks behind them are quoted like any other")
    func marks() async throws {
        #expect(
            try await cluster.psql(
                "SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'", database: "dbname='d\\'\u{301}\"\u{301}\\\\\u{308}; \\\\! false'") == "pg_trgm\n")
        #expect(try await cluster.psql("SELECT count(*) FROM pg_roles WHERE rolname = E'e\\u0301\"\\u0301'") == "1\n")
    }

    @Test("The key turned off takes the attribute away, and the script run again gives it back")
    func attribute() async throws {
        func able() async throws -> Int? {
            Int(try await cluster.psql("SELECT count(*) FROM pg_roles WHERE rolreplication AND NOT rolsuper").split(separator: "\n").first ?? "")
        }
        #expect(try await able() == ReplicatingRoles.names.count)
        var without = server.setup
        without.roles = without.roles.map { .init(name: $0.name, memberOf: $0.memberOf) }
        try await cluster.psql(without.script().withRevealed { $0 })
        #expect(try await able() == 0)
        try await server.runSetup()
        #expect(try await able() == ReplicatingRoles.names.count)
    }

    @Test("From PostgreSQL 16 on a name that begins with a slash is written as an expression that only it matches")
    func expressions() async throws {
        func rendered(_ name: String, _ version: Int) throws -> String {
            let spec = try makeSpec("orders") { $0.postgresql.roles = [.init(name: name, replication: true)] }
            let files = try ServerConfiguration(spec: spec, layout: .debian(version: version)).files()
            let line = try #require(files.first { $0.path == "pg_hba.conf" }?.text.split(separator: "\n").first { $0.hasPrefix("hostssl  replication ") })
            return String(line.dropFirst("hostssl  replication ".count).prefix { $0 != " " })
        }
        #expect(try rendered("/^.*$", 15) == #""/^.*$""#)
        #expect(try rendered("barman", 16) == #""barman""#)
        for name in ["/^.*$", "/a.b", "/(", "/a+[x]{2}|\\d", "/_é\u{301}1", "/"] {
            let expression = String(try rendered(name, 16).dropFirst(2).dropLast())
            for other in [name, name + "x", "x" + name, "/aXb", "app", "/aa1"] {
                let sql = "SELECT \(literal(other)) ~ \(literal(expression))"
                #expect(try await cluster.psql(sql) == (other == name ? "t\n" : "f\n"), "\(name) \(other)")
            }
        }
    }

    private func literal(_ text: String) -> String { "E'" + text.replacing("\\", with: "\\\\") + "'" }
}

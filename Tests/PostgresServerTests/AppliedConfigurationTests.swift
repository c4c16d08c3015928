import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import PostgresClient
import PostgresServer
import Quoting
import SystemPackage
import TestSupport
import Testing

@Suite(
    "Rendered files under a real server", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"), .renderedServer, .serialized)
struct AppliedConfigurationTests {
    let server: RenderedServer
    var cluster: PostgresCluster { server.cluster }

    init() throws { server = try #require(RenderedServer.current) }

    private func own() async throws -> PostgresConnection { try await .open(server.parameters("pgkvm", database: "pgkvm")) }

    @Test("The server reads every line of every file without a fault")
    func filesAreRead() async throws {
        // The test's server is kept on the loopback interface from the command line.
        let faults = try await cluster.psql("SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL AND name <> 'listen_addresses'")
        #expect(faults == "")
        #expect(try await cluster.psql("SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL").isEmpty)
        let rules = try await cluster.psql("SELECT type, auth_method FROM pg_hba_file_rules ORDER BY line_number")
        #expect(
            rules.split(separator: "\n") == [
                "local|peer", "local|peer", "local|peer", "local|scram-sha-256", "host|reject", "hostssl|scram-sha-256", "hostssl|scram-sha-256",
                "hostssl|scram-sha-256",
            ])
    }

    @Test("Every setting that was asked for is in force as the server itself says, and none waits for a restart")
    func inForce() async throws {
        // Of a name that stands in several layers the last one counts; the addresses are the test's own.
        let unapplied = try await cluster.psql(
            """
            SELECT name || ' = ' || setting FROM (SELECT DISTINCT ON (lower(name)) * FROM pg_file_settings
                WHERE sourcefile LIKE '%/conf.d/%' ORDER BY lower(name), seqno DESC) last
            WHERE NOT applied AND name <> 'listen_addresses'
            """)
        #expect(unapplied == "")
        #expect(try await cluster.psql("SELECT name FROM pg_settings WHERE pending_restart") == "")
        let written = try await cluster.psql("SELECT count(DISTINCT lower(name)) FROM pg_file_settings WHERE sourcefile LIKE '%/conf.d/%'")
        #expect(written.split(separator: "\n").first.flatMap { Int($0) } == server.configuration.settings.effective.count)
    }

    @Test("A role connects with verified TLS 1.3, channel binding and its verifier; so does one with a nasty name and password")
    func roles() async throws {
        for (role, database) in [("app", "shop"), (nastyName, nastyName), ("pgkvm", "pgkvm")] {
            let connection = try await PostgresConnection.open(server.parameters(role, database: database))
            let row = try await connection.query(
                """
                SELECT current_user AS role, current_database() AS database, ssl, version,
                       (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()) AS owner
                FROM pg_stat_ssl WHERE pid = pg_backend_pid()
                """
            ).only()
            #expect(try row.text("role") == role)
            #expect(try row.text("database") == database)
            #expect(try row.text("owner") == role)
            let tls = try #require(await connection.tls)
            #expect(tls.version == "TLSv1.3")
            #expect(try row.text("version") == tls.version)
            #expect(tls.cipher.hasPrefix("TLS_"))
            await connection.close()
        }
    }

    @Test("A row that was committed is read back over a second connection")
    func committedRow() async throws {
        let first = try await own()
        try await first.execute("CREATE TABLE IF NOT EXISTS proof (word text)")
        try await first.execute("INSERT INTO proof VALUES ($1)", [nastyName])
        await first.close()
        #expect(try await own().query("SELECT word FROM proof").only().text("word") == nastyName)
    }

    @Test("A server that another CA vouches for is refused, and so is one of another name")
    func strangers() async throws {
        let stranger = cluster.directory.appending("stranger.crt")
        try Files.write(CertificateAuthority.create(name: "orders", now: Date()).certificatePEM, to: stranger)
        var parameters = server.parameters("app", database: "shop")
        parameters.rootCertificatePath = stranger.string
        let wrongCA = await #expect(throws: Failure.self) { try await PostgresConnection.open(parameters) }
        #expect(wrongCA?.code == .postgresConnectionFailed)
        #expect(wrongCA?.sqlState == nil)

        parameters = server.parameters("app", database: "shop")
        parameters.host = "other"
        let wrongName = await #expect(throws: Failure.self) { try await PostgresConnection.open(parameters) }
        #expect(wrongName?.code == .postgresConnectionFailed)
        #expect((wrongName?.cause as? PostgresError)?.message.contains("does not match host name \"other\"") == true)

        parameters = server.parameters("app", database: "shop")
        parameters.rootCertificatePath = nil
        await #expect(throws: Failure.self) { try await PostgresConnection.open(parameters) }
    }

    @Test("localhost and 127.0.0.1 are names of the server too", arguments: ["localhost", "127.0.0.1"])
    func otherNames(name: String) async throws {
        var parameters = server.parameters("app", database: "shop")
        parameters.host = name
        parameters.hostAddress = nil
        #expect(await (try PostgresConnection.open(parameters)).tls != nil)
    }

    @Test("Plaintext, a wrong password and the superuser are refused, each by its SQLSTATE")
    func refused() async throws {
        var plain = server.parameters("app", database: "shop")
        plain.sslMode = .disable
        plain.channelBinding = .prefer
        let plaintext = await #expect(throws: Failure.self) { try await PostgresConnection.open(plain) }
        #expect(plaintext?.code == .postgresAuthenticationFailed)
        #expect(plaintext?.sqlState == "28000")

        var wrong = server.parameters("app", database: "shop")
        wrong.password = Secret("not-the-password")
        let password = await #expect(throws: Failure.self) { try await PostgresConnection.open(wrong) }
        #expect(password?.code == .postgresAuthenticationFailed)
        #expect(password?.sqlState == "28P01")

        var superuser = server.parameters("postgres", database: "postgres")
        superuser.password = Secret("anything")
        #expect(await #expect(throws: Failure.self) { try await PostgresConnection.open(superuser) }?.sqlState == "28000")
    }

    @Test("Strangers to pgkvm's own database stay out")
    func ownDatabase() async throws {
        let failure = await #expect(throws: Failure.self) { try await PostgresConnection.open(server.parameters("app", database: "pgkvm")) }
        #expect(failure?.sqlState == "42501")
    }

    @Test("The own role sees statistics and other sessions, and cannot write elsewhere")
    func ownRole() async throws {
        let connection = try await own()
        let row = try await connection.query(
            """
            SELECT pg_has_role('pg_monitor', 'MEMBER') AS monitor, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication AS mighty
            FROM pg_roles WHERE rolname = current_user
            """
        ).only()
        #expect(try row.bool("monitor"))
        #expect(try !row.bool("mighty"))
        #expect(try await connection.query("SELECT count(*) AS n FROM pg_stat_statements").only().integer("n") > 0)
        let shop = try await PostgresConnection.open(server.parameters("pgkvm", database: "shop"))
        let failure = await #expect(throws: Failure.self) { try await shop.execute("CREATE TABLE public.mine ()") }
        #expect(failure?.sqlState == "42501")
    }

    @Test("Extensions are there with what they need")
    func extensions() async throws {
        let names = try await cluster.psql("SELECT extname FROM pg_extension ORDER BY 1", database: "shop").split(separator: "\n")
        #expect(names == ["cube", "earthdistance", "pg_trgm", "plpgsql"])
    }

    @Test("The script run again changes nothing, and without verifiers keeps the passwords")
    func again() async throws {
        let state = """
            SELECT string_agg(r::text, ';' ORDER BY oid) FROM pg_authid r;
            SELECT string_agg(d.oid || datname || coalesce(datacl::text, ''), ';' ORDER BY d.oid) FROM pg_database d;
            """
        let before = try await cluster.psql(state)
        try await server.runSetup()
        #expect(try await cluster.psql(state) == before)
        var setup = server.setup
        setup.verifiers = [:]
        try await cluster.psql(setup.script().withRevealed { $0 })
        #expect(try await cluster.psql(state) == before)
    }

    @Test("Neither the log nor the statistics hold a verifier, although every statement is logged")
    func noVerifiers() async throws {
        let log = try server.logText()
        #expect(log.contains("LOG:"))
        #expect(!log.contains("SCRAM-SHA-256$"))
        #expect(try await cluster.psql("SELECT query FROM pg_stat_statements WHERE query LIKE '%SCRAM-SHA-256$%'", database: "pgkvm").isEmpty)
    }

    @Test("psql connects with each of the texts for clients, the password coming from the password file")
    func clientTexts() async throws {
        let passfile = cluster.directory.appending("pgpass")
        let entries = RenderedServer.passwords.flatMap { role, password in
            ["orders", "127.0.0.1"].map { PasswordFile.Entry(host: $0, port: cluster.port, user: role, password: password) }
        }
        try Files.write(PasswordFile.render(entries).withRevealed { $0 }, to: passfile)
        for (role, database) in [("app", "shop"), (nastyName, nastyName)] {
            let text = try ConnectionText(
                name: "orders", port: cluster.port, database: database, user: role, rootCertificate: server.rootCertificate.string,
                passwordFile: passfile.string, socketDirectory: cluster.socketDirectory.string)
            let sql = "SELECT current_user || '/' || current_database() || '/' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            let query = ["-X", "-A", "-t", "-w", "-c", sql]
            let expected = "\(role)/\(database)/true\n"
            #expect(try await ProgramRunner.check("psql", [text.uri] + query).outputText == expected)
            let script = text.environment + #"exec psql "$@""#
            #expect(try await ProgramRunner.check("sh", ["-c", script, "sh"] + query).outputText == expected)
            let service = cluster.directory.appending("service.conf")
            try Files.write(text.service(), to: service)
            let byService = try await ProgramRunner.check("psql", ["service=orders"] + query, environment: ["PGSERVICEFILE": service.string])
            #expect(byService.outputText == expected)
        }
    }

    @Test("Asking whether the server answers is no line in its log")
    func ping() async throws {
        let before = try server.logText()
        #expect(try await PostgresPing.ask(address: "127.0.0.1", port: cluster.port, role: "pgkvm", within: 10) == .accepting)
        // A line that the server writes itself, after which those of the question would be there.
        try await cluster.psql("SELECT 'after the question'")
        let after = try server.logText().dropFirst(before.count)
        #expect(after.contains("after the question"))
        #expect(!after.contains("FATAL"))
    }

    @Test("A new certificate is taken by reload; clients of the same CA go on")
    func reissue() async throws {
        try await server.issue(names: ["orders", "renamed"])
        try await cluster.psql("SELECT pg_reload_conf()")
        var parameters = server.parameters("app", database: "shop")
        parameters.host = "renamed"
        let connection = try await poll(every: .milliseconds(50), until: .now + .seconds(600), on: ContinuousClock()) {
            try? await PostgresConnection.open(parameters)
        }
        #expect(connection != nil)
        #expect(await (try PostgresConnection.open(server.parameters("app", database: "shop"))).tls != nil)
    }

    @Test("The server takes what is computed for every size and profile", arguments: TuningPlan.Profile.allCases)
    func everySize(profile: TuningPlan.Profile) async throws {
        for (vcpus, memory, disk) in [(1, ByteSize.mebibytes(512), ByteSize.gibibytes(1)), (256, .gibibytes(256), .gibibytes(16 << 10))] {
            var configuration = server.configuration
            configuration.profile = profile
            configuration.size = GuestSize(vcpus: vcpus, memory: memory, dataDisk: disk)
            let directory = cluster.directory.appending("check")
            for file in try configuration.files() { try await cluster.write(file.text, to: directory.appending(file.path)) }
            let answer = try await cluster.check(
                "postgres", ["-D", cluster.dataDirectory.string, "-c", "config_file=\(directory.appending("postgresql.conf"))", "-C", "max_connections"])
            #expect(answer == configuration.settings.effective["max_connections"].map { $0 + "\n" })
        }
    }

    @Test("The server names the setting that it does not know")
    func unknownSetting() async throws {
        var configuration = server.configuration
        configuration.userSettings = ["shared_bufers": "1GB"]
        let directory = cluster.directory.appending("unknown")
        for file in try configuration.files() { try await cluster.write(file.text, to: directory.appending(file.path)) }
        let result = try await cluster.runAsServer(
            "postgres", ["-D", cluster.dataDirectory.string, "-c", "config_file=\(directory.appending("postgresql.conf"))", "-C", "max_connections"])
        #expect(result.status != 0)
        #expect(result.errorText.contains("shared_bufers"))
    }
}

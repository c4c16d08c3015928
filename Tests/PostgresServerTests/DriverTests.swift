import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import PostgresClient
import PostgresServer
import SystemPackage
import TestSupport
import Testing

/// A client of PostgreSQL that is installed from Debian's packages.
private enum Driver: String, CaseIterable {
    case asyncpg, psycopg, pgjdbc

    /// Its program: reads one text a line and prints `ok` with what the statement says there, or `refused` with a reason.
    func program(_ statement: String) -> [String] {
        let directory = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Drivers")
        return switch self {
        // Debian's own interpreter is the one for which Debian's packages are.
        case .asyncpg, .psycopg: ["env", "/usr/bin/python3", directory.appending("through-\(rawValue).py").string, statement]
        case .pgjdbc:
            [
                "java", "-cp", "/usr/share/java/bsh.jar:/usr/share/java/postgresql.jar", "bsh.Interpreter",
                directory.appending("through-pgjdbc.bsh").string, statement,
            ]
        }
    }

    func text(_ connection: ConnectionText) -> String { self == .pgjdbc ? connection.jdbc : connection.uri }
}

@Suite(
    "The forms of a connection in real drivers", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"), .renderedServer,
    .serialized)
struct DriverTests {
    /// Of roles and of databases: what a shell, a URI, a connection string, an option or a file could take for something else.
    private static let names = [
        "app", "o'brien", #"a:b\c"#, "$(id)", "-c", "all", "replication", "postgresql://x", "host=evil dbname=postgres", #"it's "q" \ %d"#, "ends blank ",
        "a/b?c#d%25e", "ü@:\t", "x;y&z=1+2,3", "..", "{`}|^<>[]~*!", "%s\\n\u{200D}👩‍💻",
    ]
    private static let statement = """
        SELECT encode(convert_to(current_user, 'UTF8'), 'hex') || ' ' || encode(convert_to(current_database(), 'UTF8'), 'hex') || ' ' || coalesce(version, 'socket') \
        FROM pg_stat_ssl WHERE pid = pg_backend_pid()
        """

    let server: RenderedServer
    private var cluster: PostgresCluster { server.cluster }
    private var passfile: FilePath { cluster.directory.appending("pgpass") }

    init() async throws {
        server = try #require(RenderedServer.current)
        guard !Files.exists(passfile) else { return }
        let passwords = Dictionary(uniqueKeysWithValues: Self.names.map { ($0, GeneratedPassword.make()) })
        let roles = Self.names.map { ApplianceSpec.Role(name: $0) }
        let setup = DatabaseSetup(
            version: cluster.majorVersion, roles: roles, databases: Self.names.map { .init(name: $0, owner: $0) },
            verifiers: try Dictionary(uniqueKeysWithValues: passwords.map { ($0, try PasswordVerifier.scramSHA256(password: $1, role: $0)) }))
        try await cluster.psql(setup.script().withRevealed { $0 })
        let entries = passwords.flatMap { role, password in
            ["orders", "localhost", "127.0.0.1", cluster.socketDirectory.string].map {
                PasswordFile.Entry(host: $0, port: cluster.port, user: role, password: password)
            }
        }
        try PasswordFile.render(entries).withRevealed { try Files.write($0, to: passfile) }
    }

    private func connection(_ name: String, database: String? = nil, certificate: FilePath? = nil, address: String = "127.0.0.1") throws -> ConnectionText {
        try ConnectionText(
            name: "orders", address: address, port: cluster.port, database: database ?? name, user: name,
            rootCertificate: (certificate ?? server.rootCertificate).string, passwordFile: passfile.string,
            socketDirectory: cluster.socketDirectory.string)
    }

    /// What `statement` says to a role in a database.
    private func welcome(_ role: String, _ database: String? = nil, over channel: String = "TLSv1.3") -> String {
        "ok \(hexadecimal(role)) \(hexadecimal(database ?? role)) \(channel)"
    }

    private func hexadecimal(_ text: String) -> String {
        text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func answers(_ driver: Driver, _ texts: [String]) async throws -> [String] {
        let program = driver.program(Self.statement)
        return try await ProgramRunner.check(
            program[0], Array(program.dropFirst()), input: Array(texts.map { $0 + "\n" }.joined().utf8), environment: ["PGPASSFILE": passfile.string]
        ).outputText.split(separator: "\n").map(String.init)
    }

    private func psql(_ target: [String], environment: [String: String] = [:]) async throws -> String {
        try await ProgramRunner.check("psql", target + ["-X", "-A", "-t", "-w", "-c", "SELECT 'ok ' || (\(Self.statement))"], environment: environment)
            .outputText.split(separator: "\n").joined(separator: "\n")
    }

    @Test("Every driver verifies the server, takes the password from the passfile and gets to the role and database of each name", arguments: Driver.allCases)
    private func drivers(driver: Driver) async throws {
        // asyncpg takes the backslashes of a passfile for parts of names, and a comma for the end of one in its SCRAM message.
        let roles = Self.names.map { name in driver == .asyncpg && name.utf8.contains { [58, 92, 44].contains($0) } ? "app" : name }
        let texts = try zip(roles, Self.names).map { driver.text(try connection($0, database: $1)) }
        #expect(try await answers(driver, texts) == zip(roles, Self.names).map { welcome($0, $1) })
    }

    @Test("Every driver refuses a server of another CA, and one whose certificate does not have the address", arguments: Driver.allCases)
    private func strangers(driver: Driver) async throws {
        let stranger = cluster.directory.appending("stranger.crt")
        try Files.write(CertificateAuthority.create(name: "orders", now: Date()).certificatePEM, to: stranger)
        let texts = [
            driver.text(try connection("app", certificate: stranger)), driver.text(try connection("app", address: "127.0.0.2")),
            driver.text(try connection("app")),
        ]
        let refused = try await withOtherAddress { try await answers(driver, texts) }
        try #require(refused.count == 3)
        #expect(refused[0].contains("refused ") && ["ertificate", "SSL error"].contains { refused[0].contains($0) }, "\(refused[0])")
        #expect(refused[1].contains("refused ") && refused[1].contains("127.0.0.2"))
        #expect(["certificate", "verified"].contains { refused[1].contains($0) }, "\(refused[1])")
        #expect(refused[2] == welcome("app"))
    }

    @Test("psql, psycopg and asyncpg get there over the Unix socket, with the password from the passfile", arguments: [Driver.psycopg, .asyncpg])
    private func socket(driver: Driver) async throws {
        let roles = Self.names.map { name in driver == .asyncpg && name.utf8.contains { [58, 92, 44].contains($0) } ? "app" : name }
        let texts = try zip(roles, Self.names).map { try connection($0, database: $1).socket }
        #expect(try await answers(driver, texts) == zip(roles, Self.names).map { welcome($0, $1, over: "socket") })
        #expect(try await psql([connection("app").socket]) == welcome("app", over: "socket"))
    }

    /// Runs `body` while the server answers at 127.0.0.2 too.
    private func withOtherAddress<Value>(_ body: () async throws -> Value) async throws -> Value {
        let port = cluster.port
        let log = try FileDescriptor.open("/dev/null", .writeOnly)
        defer { try? log.close() }
        let relay = try DetachedProcess.spawn(
            ["socat", "TCP4-LISTEN:\(port),bind=127.0.0.2,fork,reuseaddr", "TCP4:127.0.0.1:\(port)"], in: cluster.directory, output: log)
        defer {
            try? ProcessTable.kill(relay.processID)
            _ = relay.exitStatus()
        }
        let answers = try await poll(every: .milliseconds(50), until: .now + .seconds(600), on: ContinuousClock()) {
            try await PostgresPing.ask(address: "127.0.0.2", port: port, role: "pgkvm", within: 5) == .accepting ? true : nil
        }
        try #require(answers == true)
        return try await body()
    }

    @Test("psql and psycopg get there by the form for libpq, which binds the password exchange to the certificate")
    func libpq() async throws {
        for name in Self.names {
            #expect(try await psql([connection(name).libpq]) == welcome(name))
            #expect(try await psql([connection(name).uri]) == welcome(name))
        }
        let texts = try Self.names.map { try connection($0).libpq }
        #expect(try await answers(.psycopg, texts) == Self.names.map { welcome($0) })
        #expect(texts.allSatisfy { $0.contains("&channel_binding=require&") && $0.contains("?hostaddr=127.0.0.1&") && $0.contains("&connect_timeout=") })
    }

    @Test("A shell that evaluates the environment, and a service, lead to the same place")
    func environmentAndService() async throws {
        let service = cluster.directory.appending("service.conf")
        for name in Self.names {
            let script = try connection(name).environment + #"exec psql -X -A -t -w -c "$1""#
            let answer = try await ProgramRunner.check("sh", ["-euc", script, "sh", "SELECT 'ok ' || (\(Self.statement))"]).outputText
            #expect(answer == welcome(name) + "\n")
            if name.unicodeScalars.last?.properties.isWhitespace == true {
                #expect(throws: Failure.self) { try connection(name).service() }
                continue
            }
            try Files.write(connection(name).service(), to: service)
            #expect(try await psql(["service=orders"], environment: ["PGSERVICEFILE": service.string]) == welcome(name))
        }
    }

    @Test("A user's client certificates and lists of revoked ones do not reach the psql that pgkvm starts")
    func userFiles() async throws {
        let home = cluster.directory.appending("home")
        try Files.createDirectory(home)
        try Files.createDirectory(home.appending(".postgresql"))
        for name in ["postgresql.crt", "postgresql.key", "root.crl", "root.crt"] {
            try Files.write("not a certificate\n", to: home.appending(".postgresql").appending(name))
        }
        // libpq asks the account for its home unless it is told.
        let environment = ["HOME": home.string]
        await #expect(throws: Failure.self) { try await psql([connection("app").libpq], environment: environment) }
        #expect(try await psql([connection("app").libpqAlone], environment: environment) == welcome("app"))
    }
}

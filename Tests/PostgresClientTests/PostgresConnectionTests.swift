import ApplianceModel
import Basics
import PostgresClient
import Quoting
import SystemPackage
import TestSupport
import Testing

@Suite("PostgresConnection against a real server", .postgresCluster)
struct PostgresConnectionTests {
    let cluster: PostgresCluster
    let parameters: PostgresParameters

    init() throws {
        cluster = try #require(PostgresCluster.current)
        parameters = .socket(
            directory: cluster.socketDirectory.string, port: cluster.port, database: "postgres", user: "postgres")
    }

    @Test("Columns, rows, NULL and types come back by name")
    func typedRows() async throws {
        let connection = try await PostgresConnection.open(parameters)
        let rows = try await connection.query("SELECT 7 AS n, 2.5 AS x, true AS yes, NULL AS nothing, 'ü😀' AS word")
        #expect(rows.columns == ["n", "x", "yes", "nothing", "word"])
        let row = try rows.only()
        #expect(try row.integer("n") == 7)
        #expect(try row.double("x") == 2.5)
        #expect(try row.bool("yes"))
        #expect(row["nothing"] == nil)
        #expect(try row.text("word") == "ü😀")
        #expect(throws: Failure.self) { try row.text("nothing") }
        #expect(throws: Failure.self) { try row.text("absent") }
        #expect(throws: Failure.self) { try row.integer("word") }
        await connection.close()
    }

    @Test("Parameters reach the server as they are", arguments: ["", "'", #"\"#, "a\nb", "$1 %s", "ü😀", "'; DROP TABLE x; --"])
    func parameters(value: String) async throws {
        let connection = try await PostgresConnection.open(parameters)
        let row = try await connection.query("SELECT $1::text AS same, octet_length($1::text) AS bytes", [value]).only()
        #expect(try row.text("same") == value)
        #expect(try row.integer("bytes") == value.utf8.count)
        #expect(try await connection.query("SELECT $1::text IS NULL AS missing", [nil]).only().bool("missing"))
    }

    @Test("A NUL in a statement or a parameter is refused before anything is sent")
    func refusesNUL() async throws {
        let connection = try await PostgresConnection.open(parameters)
        await expectFailure(.invalidInput) { _ = try await connection.query("SELECT $1", ["a\0b"]) }
        await expectFailure(.invalidInput) { _ = try await connection.query("SELECT 1\0") }
        #expect(try await connection.query("SELECT 1 AS one").only().integer("one") == 1)
    }

    @Test("Megabytes go there and come back")
    func bigValues() async throws {
        let connection = try await PostgresConnection.open(parameters)
        let big = String(repeating: "0123456789abcdefü", count: 1 << 19)
        let row = try await connection.query("SELECT $1::text AS back", [big]).only()
        #expect(try row.text("back") == big)
        let many = try await connection.query("SELECT i FROM generate_series(1, 100000) AS i")
        #expect(many.count == 100_000)
        #expect(try many[99_999].integer("i") == 100_000)
    }

    @Test("A committed row is read back over a second connection")
    func committedRow() async throws {
        let first = try await PostgresConnection.open(parameters)
        try await first.execute("CREATE TABLE IF NOT EXISTS committed (word text)")
        let changed = try await first.execute("INSERT INTO committed VALUES ($1), ($2)", ["one", nil])
        #expect(changed == 2)
        await first.close()
        let second = try await PostgresConnection.open(parameters)
        let rows = try await second.query("SELECT word FROM committed ORDER BY word NULLS LAST")
        #expect(rows.rows == [["one"], [nil]])
        #expect(rows.affectedRows == 2)
    }

    @Test(
        "A refused statement carries its SQLSTATE and leaves the session usable",
        arguments: [("SELEC 1", "42601"), ("SELECT * FROM nowhere", "42P01"), ("SELECT 1/0", "22012")])
    func queryErrors(sql: String, state: String) async throws {
        let connection = try await PostgresConnection.open(parameters)
        let failure = await expectFailure(.postgresQueryFailed) { _ = try await connection.query(SQLText(script: sql)) }
        #expect(failure?.sqlState == state)
        #expect(try await connection.query("SELECT 1 AS one").only().integer("one") == 1)
    }

    @Test("The server's version and process are those that it says itself")
    func identity() async throws {
        let connection = try await PostgresConnection.open(parameters)
        let row = try await connection.query(
            """
            SELECT current_setting('server_version_num') AS version, pg_backend_pid() AS pid, current_setting('application_name') AS name,
                   current_setting('datestyle') AS datestyle
            """
        ).only()
        #expect(try row.integer("version") == (await connection.serverVersion))
        #expect(try row.integer("pid") == Int(await connection.backendProcess))
        #expect(try row.text("name") == "pgkvm")
        #expect(try row.text("datestyle").hasPrefix("ISO"))
        #expect(await connection.tls == nil)
    }

    @Test("Settings of the session keep spaces and backslashes")
    func sessionSettings() async throws {
        var parameters = parameters
        parameters.sessionSettings = ["search_path": #"public, "a b\c""#, "statement_timeout": "12345"]
        let connection = try await PostgresConnection.open(parameters)
        let row = try await connection.query("SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS t").only()
        #expect(try row.text("path") == #"public, "a b\c""#)
        #expect(try row.text("t") == "12345ms")
    }

    @Test("A statement past its limit is ended on the server, and the session goes on")
    func timeout() async throws {
        let connection = try await PostgresConnection.open(parameters)
        await expectFailure(.timedOut) { _ = try await connection.query("SELECT pg_sleep(600)", timeout: .milliseconds(200)) }
        #expect(try await connection.query("SELECT 1 AS one").only().integer("one") == 1)
    }

    @Test("Cancelling the task ends the statement on the server, and the session goes on")
    func cancellation() async throws {
        let connection = try await PostgresConnection.open(parameters)
        let observer = try await PostgresConnection.open(parameters)
        let pid = String(await connection.backendProcess)
        func isSleeping() async throws -> Bool {
            try await observer.query(
                "SELECT count(*) AS n FROM pg_stat_activity WHERE pid = $1::int AND state = 'active' AND wait_event = 'PgSleep'", [pid]
            ).only().integer("n") == 1
        }
        let sleeping = Task { try await connection.query("SELECT pg_sleep(600)", timeout: .seconds(500)) }
        while try await !isSleeping() { try await ContinuousClock().sleep(for: .milliseconds(50)) }
        sleeping.cancel()
        await #expect(throws: CancellationError.self) { try await sleeping.value }
        #expect(try await !isSleeping())
        #expect(try await connection.query("SELECT 1 AS one").only().integer("one") == 1)
    }

    @Test("A server that neither ends the statement nor answers loses the connection")
    func frozenServer() async throws {
        let connection = try await PostgresConnection.open(parameters)
        let pid = String(await connection.backendProcess)
        try await cluster.check("kill", ["-STOP", pid])
        await expectFailure(.timedOut) { _ = try await connection.query("SELECT 1", timeout: .milliseconds(100)) }
        await expectFailure(.postgresConnectionLost) { _ = try await connection.query("SELECT 1") }
        try await cluster.check("kill", ["-CONT", pid])
    }

    @Test("A session that the administrator ends is told apart from a refused statement")
    func lostConnection() async throws {
        let connection = try await PostgresConnection.open(parameters)
        let other = try await PostgresConnection.open(parameters)
        try await other.execute("SELECT pg_terminate_backend($1::int, 10000)", [String(await connection.backendProcess)])
        await expectFailure(.postgresConnectionLost) { _ = try await connection.query("SELECT 1") }
        await expectFailure(.postgresConnectionLost) { _ = try await connection.query("SELECT 1") }
    }

    @Test("A closed connection refuses statements; closing twice is nothing")
    func closed() async throws {
        let connection = try await PostgresConnection.open(parameters)
        await connection.close()
        await connection.close()
        await expectFailure(.postgresConnectionLost) { _ = try await connection.query("SELECT 1") }
    }

    @Test("COPY is refused and does not hang")
    func copy() async throws {
        let connection = try await PostgresConnection.open(parameters)
        await expectFailure(.postgresConnectionLost) { _ = try await connection.query("COPY pg_class TO STDOUT") }
    }

    @Test("A database that does not exist, by its SQLSTATE")
    func missingDatabase() async throws {
        var parameters = parameters
        parameters.database = "no such='database"
        let failure = await expectFailure(.postgresConnectionFailed) { _ = try await PostgresConnection.open(parameters) }
        #expect(failure?.sqlState == "3D000")
    }

    @Test("Concurrent callers of one connection are served one after another")
    func concurrentCallers() async throws {
        let connection = try await PostgresConnection.open(parameters)
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...20 {
                group.addTask { try await connection.query("SELECT $1::int AS n", [String(number)]).only().integer("n") }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 210)
    }
}

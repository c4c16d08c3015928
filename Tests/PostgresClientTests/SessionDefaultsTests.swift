import ApplianceModel
import PostgresClient
import Quoting
import SystemPackage
import TestSupport
import Testing

@Suite("What every session sets for itself", .postgresCluster)
struct SessionDefaultsTests {
    let cluster: PostgresCluster
    let parameters: PostgresParameters

    init() throws {
        cluster = try #require(PostgresCluster.current)
        var parameters = PostgresParameters.socket(
            directory: cluster.socketDirectory.string, port: cluster.port, database: "postgres", user: "postgres")
        parameters.serverVersion = cluster.majorVersion
        self.parameters = parameters
    }

    @Test("Every role may set each of them, and each is in force as the session's own")
    func inForce() async throws {
        let connection = try await PostgresConnection.open(parameters)
        // `role` is in no view.
        let names = SessionDefaults.settings(version: cluster.majorVersion).keys.filter { $0 != "role" }.sorted()
        let rows = try await connection.query("SELECT lower(name) AS name, context, source FROM pg_settings WHERE source = 'client' ORDER BY 1")
        #expect(try rows.map { try $0.text("name") }.filter { $0 != "application_name" } == names)
        #expect(try rows.allSatisfy { try $0.text("context") == "user" })
    }

    @Test("A version is asked for no more than it knows, and no version for less than the one before")
    func versions() {
        let versions = [13, 14, 15, 16, 17, 18].map { Set(SessionDefaults.settings(version: $0).keys) }
        for (older, newer) in zip(versions, versions.dropFirst()) { #expect(older.isSubset(of: newer)) }
        #expect(versions[0].isDisjoint(with: ["idle_session_timeout", "transaction_timeout"]))
        #expect(Set(SessionDefaults.settings(version: 0).keys) == versions[0])
    }

    @Test("A session's own settings win over the defaults")
    func ownSettings() async throws {
        var parameters = parameters
        parameters.sessionSettings = ["statement_timeout": "7s", "search_path": #""a b\c", public"#]
        let connection = try await PostgresConnection.open(parameters)
        let row = try await connection.query("SELECT current_setting('statement_timeout') AS t, current_setting('search_path') AS path").only()
        #expect(try row.text("t") == "7s")
        #expect(try row.text("path") == #""a b\c", public"#)
    }

    @Test("A default that is left out is the server's")
    func leaving() async throws {
        var parameters = parameters
        parameters.leaving = ["synchronous_commit", "nosuch"]
        let connection = try await PostgresConnection.open(parameters)
        let row = try await connection.query("SELECT current_setting('synchronous_commit') AS value, current_setting('timezone') AS zone").only()
        #expect(row.values == ["on", "UTC"])
    }

    @Test("Neither the server's configuration nor ALTER ROLE or ALTER DATABASE changes what a session means")
    func hostile() async throws {
        let hostile = [
            "statement_timeout": "1ms", "lock_timeout": "1ms", "idle_in_transaction_session_timeout": "1ms", "idle_session_timeout": "1ms",
            "default_transaction_read_only": "on", "default_transaction_isolation": "serializable", "search_path": "nowhere", "datestyle": "SQL, DMY",
            "intervalstyle": "sql_standard", "timezone": "Asia/Kathmandu", "bytea_output": "escape", "client_encoding": "LATIN1",
            "extra_float_digits": "-15", "transform_null_equals": "on", "standard_conforming_strings": "off", "array_nulls": "off",
            "row_security": "off", "exit_on_error": "on", "synchronous_commit": "remote_apply", "default_tablespace": "", "tcp_user_timeout": "1ms",
            "client_min_messages": "debug5",
        ]
        try await PostgresCluster.with { other in
            let changes = hostile.sorted { $0.key < $1.key }.flatMap { name, value in
                // One literal for each element of a list.
                let literal = value.isEmpty ? "''" : value.split(separator: ", ").map { "'\($0)'" }.joined(separator: ", ")
                return [
                    "ALTER SYSTEM SET \(name) = \(literal);", "ALTER ROLE plain SET \(name) = \(literal);", "ALTER DATABASE plain SET \(name) = \(literal);",
                ]
            }
            try await other.psql("CREATE ROLE plain LOGIN;\nCREATE DATABASE plain OWNER plain;\nALTER ROLE plain SET role = 'pg_monitor';")
            try await other.psql("GRANT pg_monitor TO plain;\n" + changes.joined(separator: "\n"))
            try await other.psql("ALTER SYSTEM SET synchronous_standby_names = '*';")
            try await other.restart()
            var parameters = PostgresParameters.socket(
                directory: other.socketDirectory.string, port: other.port, database: "plain", user: "plain")
            parameters.serverVersion = other.majorVersion
            let connection = try await PostgresConnection.open(parameters)
            try await connection.execute("CREATE TABLE public.kept (word text)")
            // Commits without the standby that does not exist.
            #expect(try await connection.execute("INSERT INTO kept VALUES ('ü')", timeout: .seconds(20)) == 1)
            let row = try await connection.query(
                """
                SELECT current_user AS role, '2024-01-02 03:04:05+00'::timestamptz::text AS time, '1 day'::interval::text AS span, '\\x00ff'::bytea::text AS bytes,
                       (SELECT word FROM kept) AS word, (NULL = NULL) IS NULL AS unknown, 0.1::float8::text AS number, pg_sleep(0.05)::text AS slept
                """
            ).only()
            #expect(
                row.values == ["plain", "2024-01-02 03:04:05+00", "P1D", #"\x00ff"#, "ü", "t", "0.1", ""])
            _ = try? await connection.query("SELECT 1/0")
            #expect(try await connection.query("SELECT 1 AS one").only().integer("one") == 1)
        }
    }
}

import ApplianceModel
import TestSupport
import Testing

@testable import Deployment

/// Specs as they are judged by a real server.
@Suite("The trial of a configuration", .postgresCluster, .serialized)
struct ServerTrialTests {
    private func trial() throws -> TrialServer { TrialServer(cluster: try #require(PostgresCluster.current)) }

    /// Each has to be refused under the key of the setting, with the words of the server in it.
    static let refused: [(name: String, value: String, words: String)] = [
        // Kind A: names, values, units, ranges, words, files and libraries.
        ("shared_buffers", "256mb", "Valid units"), ("work_mem", "64mb", "Valid units"), ("stats_temp_directory", "/x", "unrecognized"),
        ("shared_preload_libraries", "pg_stat_statements,timescaledb", "timescaledb"), ("work_mem", "1kB", "outside the valid range"),
        ("max_connections", "0", "outside the valid range"), ("max_connections", "many", "invalid value"), ("autovacuum", "perhaps", "Boolean"),
        ("wal_sync_method", "sometimes", "Available values"), ("checkpoint_timeout", "5 mins", "Valid units"),
        ("ssl_ciphers", "NO-SUCH-CIPHER", "cipher"), ("ssl_dh_params_file", "/nonexistent/dh.pem", "dh.pem"),
        ("unix_socket_group", "nosuchgroup", "nosuchgroup"),
        ("log_min_messages", "loud", "Available values"), ("datestyle", "ISO, XYZ", "DateStyle"), ("lc_monetary", "xx_XX.UTF-8", "lc_monetary"),
        ("default_text_search_config", "pg_catalog.nosuch", "nosuch"), ("session_preload_libraries", "nosuchlib", "nosuchlib"),
        ("local_preload_libraries", "nosuchlib", "nosuchlib"), ("default_table_access_method", "nosuch", "nosuch"),
        ("pg_stat_statements.nosuch", "1", "pg_stat_statements.nosuch"), ("pg_stat_statements.max", "1", "pg_stat_statements.max"),
        ("shared_buffers", "100GB", "shared memory"), ("role", "nosuch", "role"), ("ssl_max_protocol_version", "TLSv1.1", "ssl"),
        ("superuser_reserved_connections", "5000", "superuser_reserved_connections"), ("temp_buffers", "1.5 gigs", "Valid units"),
    ]

    @Test("What the server would not take is refused with the key, the value and the server's words", arguments: refused)
    func refuses(example: (name: String, value: String, words: String)) async throws {
        let judgement = try await trial().judge(TrialServer.spec([example.name: example.value]))
        let fault = try #require(judgement.faults.first { $0.path == "postgresql.settings.\(example.name)" }, "\(judgement.faults)")
        #expect(fault.message.hasPrefix("'\(example.value)': "), "\(fault.message)")
        #expect(fault.message.contains(example.words), "\(fault.message)")
    }

    /// Spellings that the server resolves itself, fractions, names of a name space of one's own, and what only looks odd.
    static let taken: [(String, String)] = [
        ("wal_buffers", "-1"), ("shared_buffers", "0.25GB"), ("work_mem", "1.5MB"), ("autovacuum", "t"), ("autovacuum", "OFF"),
        ("my_app.note", "it's \\ ü 😀 # x"),
        ("search_path", "\"$user\", app"), ("default_transaction_read_only", "on"), ("statement_timeout", "1ms"), ("log_line_prefix", "%t [%p] "),
        ("wal_level", "logical"), ("shared_preload_libraries", "pg_stat_statements, auto_explain"), ("synchronous_commit", "remote_apply"),
        ("listen_addresses_extra.x", "1"), ("client_encoding", "LATIN1"), ("row_security", "off"), ("lock_timeout", "1"), ("huge_pages", "off"),
        ("default_transaction_isolation", "serializable"), ("max_connections", "0x40"),
    ]

    @Test("What the server takes is not refused", arguments: taken)
    func takes(example: (name: String, value: String)) async throws {
        let judgement = try await trial().judge(TrialServer.spec([example.name: example.value]))
        #expect(judgement.faults == [])
    }

    @Test("A zone and a locale that are not there are the fault of their own keys")
    func places() async throws {
        var spec = try TrialServer.spec()
        spec.postgresql.timeZone = "Mars/Olympus_Mons"
        #expect(try await trial().judge(spec).faults.map(\.path) == ["postgresql.timeZone"])
        spec = try TrialServer.spec()
        spec.postgresql.locale = "xx_XX.UTF-8"
        #expect(try await trial().judge(spec).faults.map(\.path) == ["postgresql.locale"])
    }

    @Test("An extension that cannot be had is refused with a guess; one that can is tried and not made")
    func extensions() async throws {
        let judgement = try await trial().judge(TrialServer.spec(extensions: ["pg_trgm", "pg_trgrm", "nosuch", "uuid-ossp"]))
        #expect(judgement.faults.map(\.path) == ["postgresql.databases[0].extensions[1]", "postgresql.databases[0].extensions[2]"])
        #expect(judgement.faults.first?.message.contains("did you mean 'pg_trgm'?") == true)
        #expect(try await trial().judge(TrialServer.spec(extensions: ["earthdistance"])).faults == [])
    }

    @Test("What ALTER SYSTEM left behind and would keep the server from starting is told as that")
    func alterSystem() async throws {
        let judgement = try await trial().judge(TrialServer.spec(), autoConf: "shared_preload_libraries = 'nosuchlib'\nwork_mem = '5 potatoes'\n")
        #expect(judgement.faults.contains { $0.message.contains("ALTER SYSTEM") }, "\(judgement.faults)")
    }

    @Test("A group that no server has is refused")
    func memberships() async throws {
        var spec = try TrialServer.spec()
        spec.postgresql.roles = [.init(name: "app", memberOf: ["pg_monitor", "pg_maintain"])]
        // PostgreSQL has pg_maintain since 17.
        let version = try #require(PostgresCluster.current).majorVersion
        #expect(try await trial().judge(spec).faults.map(\.path) == (version < 17 ? ["postgresql.roles[0].memberOf[1]"] : []))
    }

    // MARK: Against what runs now

    private func present(_ answer: ServerAnswer, changing: [String: String] = [:], standbys: [String] = []) throws -> PresentServer {
        let server = try #require(answer.server)
        // The trial takes no huge pages, whatever is asked for.
        return PresentServer(
            startSettings: server.settings.filter { $0.context == "postmaster" }.map {
                .init(name: $0.name, value: changing[$0.name] ?? ($0.name == "huge_pages" ? "try" : $0.value))
            },
            preparedTransactions: 2, slots: [.init(name: "s1", isLogical: true)], standbys: standbys, roles: ["app"], databases: [], memberships: [])
    }

    @Test("A restart is needed for what the server resolves to another value, and for no other spelling")
    func restart() async throws {
        let trial = try trial()
        let now = try present(try await trial.answer(TrialServer.spec(["max_prepared_transactions": "2", "wal_level": "logical"])))
        let same = ["max_prepared_transactions": "2", "wal_level": "LOGICAL", "wal_buffers": "-1", "shared_buffers": "0.25GB", "work_mem": "9MB"]
        let judged = try await trial.judge(TrialServer.spec(same), present: now).waitingForRestart
        #expect(judged == [])
        let other = same.merging(["max_connections": "33", "huge_pages": "false", "track_commit_timestamp": "yes"]) { $1 }
        #expect(
            try await trial.judge(TrialServer.spec(other), present: now).waitingForRestart == ["huge_pages", "max_connections", "track_commit_timestamp"])
        #expect(try await trial.judge(TrialServer.spec(other)).waitingForRestart == [])
    }

    @Test("What a start with the real cluster would not survive is refused")
    func cluster() async throws {
        let trial = try trial()
        let now = try present(try await trial.answer(TrialServer.spec()))
        let poor = try await trial.judge(TrialServer.spec(["max_replication_slots": "0", "huge_pages": "on"]), present: now)
        #expect(
            poor.faults.map(\.path) == [
                "postgresql.settings.max_prepared_transactions", "postgresql.settings.max_replication_slots", "postgresql.settings.wal_level",
                "postgresql.settings.huge_pages",
            ])
        let rich = ["max_prepared_transactions": "2", "wal_level": "logical"]
        #expect(try await trial.judge(TrialServer.spec(rich), present: now).faults == [])
        // Without a server what lies in the data directory counts.
        let down = try await trial.judge(TrialServer.spec(["max_replication_slots": "1"]), host: ["hugePages 0", "prepared 1", "slots 2"])
        #expect(down.faults.map(\.path) == ["postgresql.settings.max_prepared_transactions", "postgresql.settings.max_replication_slots"])
    }

    @Test("Commits that would wait for a standby that is not there are refused, unless they do not wait")
    func standbys() async throws {
        let trial = try trial()
        let rich = ["max_prepared_transactions": "2", "wal_level": "logical"]
        func paths(_ settings: [String: String], _ standbys: [String]) async throws -> [String] {
            let spec = try TrialServer.spec(settings.merging(rich) { $1 })
            return try await trial.judge(spec, present: try present(try await trial.answer(spec), standbys: standbys)).faults.map(\.path)
        }
        let refused = ["postgresql.settings.synchronous_standby_names"]
        #expect(try await paths(["synchronous_standby_names": "*"], []) == refused)
        #expect(try await paths(["synchronous_standby_names": "FIRST 2 (a, b)"], ["a"]) == refused)
        #expect(try await paths(["synchronous_standby_names": "b"], ["a"]) == refused)
        #expect(try await paths(["synchronous_standby_names": "ANY 1 (a, b)"], ["B"]) == [])
        #expect(try await paths(["synchronous_standby_names": "*", "synchronous_commit": "local"], []) == [])
        #expect(try await paths(["synchronous_standby_names": ""], []) == [])
    }

    @Test("A library and a command for the archive exclude each other")
    func archive() async throws {
        let both = try await trial().judge(TrialServer.spec(["archive_library": "basic_archive"]))
        #expect(both.faults.map(\.path) == ["postgresql.settings.archive_library"])
        #expect(try await trial().judge(TrialServer.spec(["archive_library": "basic_archive", "archive_command": ""])).faults == [])
    }

    @Test("A trial leaves no server behind")
    func leavesNothing() async throws {
        let trial = try trial()
        _ = try await trial.answer(TrialServer.spec())
        #expect(!(try await trial.cluster.check("sh", ["-c", "ps -eo args"]).contains("judged-")))
        #expect(try await trial.cluster.check("sh", ["-c", "ls \(trial.cluster.directory)/scratch/postmaster.pid 2>/dev/null || true"]) == "")
    }
}

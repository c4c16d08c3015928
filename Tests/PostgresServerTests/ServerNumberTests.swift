import ApplianceModel
import SystemPackage
import TestSupport
import Testing

@testable import PostgresServer

@Suite("Numbers of settings, as the server reads them", .postgresCluster, .serialized)
struct ServerNumberTests {
    let cluster: PostgresCluster

    init() throws { cluster = try #require(PostgresCluster.current) }

    /// What the server makes of values of `work_mem`, in kB; nil for those that it refuses.
    private func asked(_ values: [String]) async throws -> [Double?] {
        let list = values.map { "E'" + $0.replacing("\\", with: "\\\\").replacing("'", with: "''") + "'" }.joined(separator: ", ")
        let answer = try await cluster.psql(
            """
            CREATE FUNCTION pg_temp.ask(value text) RETURNS text LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM set_config('work_mem', value, false);
                RETURN (SELECT setting FROM pg_settings WHERE name = 'work_mem');
            EXCEPTION WHEN OTHERS THEN RETURN 'refused';
            END $$;
            SELECT pg_temp.ask(value) FROM unnest(ARRAY[\(list)]) WITH ORDINALITY AS v(value, n) ORDER BY n;
            """)
        return answer.split(separator: "\n").map { Double($0) }
    }

    @Test("The same number, and no number where the server sees none")
    func same() async throws {
        var random = RepeatableRandom(seed: 3)
        let pieces = ["0", "1", "8", "16", "64", "512", ".", "5", "e", "E", "2", "x", "a", "-", "+", " ", "kB", "MB", "GB", "B", "TB", "mb", "k", "GiB", "\t"]
        let known = [
            "64MB", "0x100MB", "010MB", "08MB", "1e3MB", ".5GB", "5.MB", "1e3", "16384", " 16 MB ", "16MBx", "1e", "0x", "1.5.5MB", "1_000kB", "+1MB", "-1MB",
            "64 mb",
            "", "MB", "1e400", "2097152kB", "0.1GB", "100000B", "1.0e-1GB", "0X1fMB", "0x1p3MB", "1\u{301}MB", "٣MB", "64MB\u{301}",
        ]
        let values =
            known + (0..<1500).map { _ in (0..<Int.random(in: 1...4, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined() }
        let answers = try await asked(values)
        try #require(answers.count == values.count)
        for (value, answer) in zip(values, answers) {
            let own = ServerNumber.value(value, unit: 1024).map { $0 / 1024 }
            guard let answer else {
                // Refused for its range, or because it is not a number.
                #expect(own.map { $0 < 64 || $0 > 2_147_483_646 } ?? true, "'\(value)' \(own ?? 0)")
                continue
            }
            let found = try #require(own, "'\(value)' is \(answer) to the server")
            #expect(abs(found - answer) <= 0.5 + answer * 1e-9, "'\(value)' \(found) \(answer)")
        }
    }

    @Test(
        "The memory that is reserved at the start is estimated from below, and by no more than a fifth",
        .enabled("15 brought the question") { PostgresCluster.current?.majorVersion ?? 15 >= 15 })
    func sharedMemory() async throws {
        let examples: [[String: String]] =
            [
                [:], ["shared_buffers": "16MB"], ["shared_buffers": "64GB"], ["max_connections": "10000"], ["max_connections": "100000"],
                ["max_locks_per_transaction": "100000"], ["max_pred_locks_per_transaction": "100000"], ["max_prepared_transactions": "100000"],
                ["wal_buffers": "1GB"], ["track_activity_query_size": "1MB"], ["min_dynamic_shared_memory": "2GB"], ["max_wal_senders": "10000"],
                ["max_worker_processes": "10000"], ["pg_stat_statements.max": "1000000"],
                ["shared_buffers": "1GB", "max_connections": "5000", "max_locks_per_transaction": "256", "track_activity_query_size": "16kB"],
                ["shared_buffers": "8GB", "wal_buffers": "-1", "max_pred_locks_per_transaction": "1000"],
            ]
        // The server has to be stopped for this question.
        try await cluster.stop()
        for settings in examples {
            let arguments = settings.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
            let said = try await cluster.check(
                "postgres",
                ["-D", cluster.dataDirectory.string, "-c", "shared_preload_libraries=pg_stat_statements"] + arguments + ["-C", "shared_memory_size"])
            let real = try #require(said.split(separator: "\n").last.flatMap { Double($0) }) * 0x1p20
            let own = SharedMemory.bytes(ServerAmounts(settings, version: cluster.majorVersion))
            #expect(own <= real, "\(settings): \(own / 0x1p20) \(real / 0x1p20)")
            #expect(own >= real * 0.8, "\(settings): \(own / 0x1p20) \(real / 0x1p20)")
        }
        try await cluster.start()
    }
}

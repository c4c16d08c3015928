import ApplianceModel
import Basics
import PostgresServer
import Testing

@Suite("Settings against the machine")
struct SizeRulesTests {
    private func concerns(
        _ settings: [String: String], memory: ByteSize = .gibibytes(2), disk: ByteSize = .gibibytes(10), version: Int = 17
    ) throws -> [SizeConcern] {
        SizeRules.concerns(
            try makeSpec("orders") {
                $0.machine.memory = memory
                $0.dataDisk.size = disk
                $0.postgresql.settings = settings
            }, version: version)
    }

    @Test("What pgkvm computes fits every machine, also when a spec writes it out", arguments: TuningPlan.Profile.allCases)
    func ownSettings(profile: TuningPlan.Profile) throws {
        for memory in TuningTests.memories + [1 << 20] {
            for disk in TuningTests.disks {
                for (vcpus, version) in [(1, 13), (2, 15), (16, 17), (256, 18)] {
                    let spec = try makeSpec("orders") {
                        $0.machine.vcpus = vcpus
                        $0.machine.memory = .mebibytes(memory)
                        $0.dataDisk.size = disk
                        $0.postgresql.profile = profile
                    }
                    #expect(SizeRules.concerns(spec, version: version) == [])
                    var written = spec
                    written.postgresql.settings = ServerConfiguration(spec: spec, layout: .debian(version: version)).settings.effective
                    #expect(SizeRules.concerns(written, version: version) == [], "\(memory) \(disk) \(vcpus) \(version)")
                    #expect(SizeRules.finding(written, version: version).level == .pass)
                }
            }
        }
    }

    @Test(
        "What the server reserves at its start and the machine does not have is refused",
        arguments: [
            ["shared_buffers": "4GB"], ["shared_buffers": "0x80000000kB"], ["shared_buffers": "1e6MB"], ["Shared_Buffers": "262144"], ["wal_buffers": "2GB"],
            ["min_dynamic_shared_memory": "2048"], ["max_connections": "100000"], ["max_locks_per_transaction": "1000000"],
            ["max_prepared_transactions": "100000"], ["pg_stat_statements.max": "100000000"], ["transaction_buffers": "1GB", "subtransaction_buffers": "1GB"],
            ["shared_buffers": "1950MB"],
        ])
    func refused(settings: [String: String]) throws {
        let found = try concerns(settings)
        #expect(found.first?.level == .refuse)
        #expect(settings.keys.map { "postgresql.settings.\($0.lowercased())" }.contains(found.first?.path ?? ""))
        #expect(found.first?.message.contains("and the machine has 2GiB") == true, "\(found)")
    }

    @Test(
        "What may be too much one day is a warning that names value and machine",
        arguments: [
            (["shared_buffers": "1200MB"], "shared_buffers", "more than half of the machine's 2GiB"),
            (["work_mem": "64MB"], "work_mem", "a fifth of max_connections 100 × work_mem 64MB × hash_mem_multiplier 2 is 2.5GiB"),
            (["work_mem": "65536"], "work_mem", "× work_mem 65536 ×"),
            (["hash_mem_multiplier": "50"], "hash_mem_multiplier", "× hash_mem_multiplier 50 is"),
            (["max_connections": "500"], "max_connections", "max_connections 500"),
            (["max_connections": "2000", "work_mem": "64kB"], "max_connections", "each with 8MiB at work, are 15.6GiB"),
            (["temp_buffers": "100MB"], "temp_buffers", "a fifth of max_connections 100 × temp_buffers 100MB is 2GiB"),
            (["maintenance_work_mem": "2GB"], "maintenance_work_mem", "maintenance_work_mem 2GB and "),
            (["autovacuum_work_mem": "1GB"], "autovacuum_work_mem", "autovacuum_max_workers 3 × autovacuum_work_mem 1GB"),
            (["autovacuum_max_workers": "50"], "autovacuum_max_workers", "autovacuum_max_workers 50 × autovacuum_work_mem 64MB"),
            (["autovacuum_work_mem": "-1", "maintenance_work_mem": "600MB"], "maintenance_work_mem", "autovacuum_max_workers 3 × maintenance_work_mem 600MB"),
            (["logical_decoding_work_mem": "1GB"], "logical_decoding_work_mem", "max_wal_senders 10 × logical_decoding_work_mem 1GB is 10GiB"),
            (["max_wal_senders": "100"], "max_wal_senders", "max_wal_senders 100 × logical_decoding_work_mem 64MB"),
            (["effective_cache_size": "64GB"], "effective_cache_size", "more than the machine's 2GiB"),
            (["max_wal_size": "6GB"], "max_wal_size", "let the WAL grow to 6GiB, more than half of the data disk of 10GiB"),
            (["min_wal_size": "8GB"], "min_wal_size", "min_wal_size 8GB let the WAL grow to 8GiB"),
            (["wal_keep_size": "5000"], "wal_keep_size", "wal_keep_size 5000 and max_wal_size "),
            (["max_slot_wal_keep_size": "-1"], "max_slot_wal_keep_size", "fills the data disk of 10GiB"),
            (["max_slot_wal_keep_size": "9GB"], "max_slot_wal_keep_size", "fills more than half of the data disk of 10GiB"),
            (["temp_file_limit": "1TB"], "temp_file_limit", "temp_file_limit 1TB is more than the data disk of 10GiB"),
        ] as [([String: String], String, String)])
    func warned(settings: [String: String], name: String, words: String) throws {
        let found = try concerns(settings)
        #expect(found.allSatisfy { $0.level == .warn }, "\(found)")
        #expect(found.contains { $0.path == "postgresql.settings.\(name)" && $0.message.contains(words) }, "\(found)")
    }

    @Test("WAL that is kept beyond the data disk is warned of, each value by its name")
    func log() throws {
        let found = try concerns(
            ["wal_keep_size": "50GB", "max_wal_size": "100GB", "max_slot_wal_keep_size": "-1"], memory: .gibibytes(1), disk: .mebibytes(2100))
        #expect(found.map(\.level) == [.warn, .warn])
        #expect(found.map(\.path) == ["postgresql.settings.max_wal_size", "postgresql.settings.max_slot_wal_keep_size"])
        #expect(
            found.first?.message
                == "wal_keep_size 50GB and max_wal_size 100GB let the WAL grow to 150GiB, more than half of the data disk of 2100MiB: a full disk stops the server"
        )
    }

    @Test(
        "A value that fits, or is not a number, gives no concern",
        arguments: [
            ["work_mem": "8MB"], ["work_mem": "32MB"], ["shared_buffers": "600MB"], ["max_wal_size": "2GB"], ["wal_keep_size": "1GB"],
            ["max_slot_wal_keep_size": "4GB"],
            ["max_connections": "150"], ["maintenance_work_mem": "256MB"], ["temp_buffers": "1024"], ["huge_pages": "try"], ["huge_pages": "off"],
            ["huge_pages": "on"],
            ["effective_cache_size": "1GB"], ["temp_file_limit": "-1"], ["temp_file_limit": "5GB"], ["work_mem": "64mb"], ["shared_buffers": "much"],
            ["shared_buffers": ""], ["wal_buffers": "-1"], ["jit": "off"], ["my_app.shared_buffers": "4TB"], ["autovacuum_work_mem": "-1"],
        ])
    func fits(settings: [String: String]) throws { #expect(try concerns(settings) == []) }

    @Test("Before 17 a vacuum uses no more than 1 GB, and before 15 a hash no more than work_mem")
    func versions() throws {
        #expect(try concerns(["autovacuum_work_mem": "4GB"], memory: .gibibytes(6), version: 15) == [])
        #expect(try concerns(["autovacuum_work_mem": "4GB"], memory: .gibibytes(6), version: 17).count == 1)
        #expect(try concerns(["work_mem": "64MB"], version: 14) == [])
        #expect(try concerns(["work_mem": "64MB"], version: 15).count == 1)
    }

    @Test("A larger machine carries what a smaller one does not")
    func machines() throws {
        #expect(try concerns(["shared_buffers": "4GB"], memory: .gibibytes(16)) == [])
        #expect(try concerns(["max_wal_size": "6GB"], disk: .gibibytes(100)) == [])
    }

    @Test("No number of any size, sign or form is a trap")
    func hostile() throws {
        var random = SystemRandomNumberGenerator()
        let names = [
            "shared_buffers", "wal_buffers", "work_mem", "max_connections", "hash_mem_multiplier", "maintenance_work_mem", "autovacuum_work_mem",
            "autovacuum_max_workers", "temp_buffers", "temp_file_limit", "wal_keep_size", "max_wal_size", "min_wal_size", "max_slot_wal_keep_size",
            "logical_decoding_work_mem", "max_wal_senders", "effective_cache_size", "max_locks_per_transaction", "pg_stat_statements.max",
            "transaction_buffers",
        ]
        let values = [
            "1e308", "1e999", "-1e999", "9223372036854775808", "18446744073709551616TB", "0x" + String(repeating: "f", count: 400), "-9223372036854775809",
            String(repeating: "9", count: 5000), "1e-999", "0", "-0", "-1", "nan", "inf", "0x", "1e", "١٢", "1\u{301}GB", "١GB", "", " ", "-", "0.0.0", "1e5e5",
            "08",
        ]
        for _ in 0..<2000 {
            let settings = Dictionary((0..<4).map { _ in (names.randomElement(using: &random) ?? "", values.randomElement(using: &random) ?? "") }) { $1 }
            for concern in try concerns(settings) { #expect(concern.message.utf8.count < 1000) }
        }
    }

    @Test("As one finding, refusals fail")
    func finding() throws {
        func finding(_ settings: [String: String]) throws -> Finding {
            SizeRules.finding(try makeSpec("orders") { $0.postgresql.settings = settings }, version: 17)
        }
        #expect(try finding([:]).level == .pass)
        #expect(try finding(["work_mem": "1GB"]).level == .warn)
        #expect(try finding(["work_mem": "1GB", "shared_buffers": "1TB"]).level == .fail)
        #expect(try finding(["max_wal_size": "1TB"]).remedy == "lower postgresql.settings.max_wal_size, or ask for a larger machine")
    }

    @Test("What cannot be is one failure with every refusal")
    func check() throws {
        let spec = try makeSpec("orders") { $0.postgresql.settings = ["shared_buffers": "4GB", "work_mem": "1GB"] }
        let failure = #expect(throws: Failure.self) { try SizeRules.check(spec, version: 17, source: "x") }
        #expect(failure?.code == .specInvalid)
        #expect(failure?.message.hasPrefix("x has 1 fault:\n  postgresql.settings.shared_buffers: with shared_buffers 4GB the server reserves 4.1GiB") == true)
        try SizeRules.check(try makeSpec("orders") { $0.postgresql.settings = ["work_mem": "1GB"] }, version: 17, source: "x")
    }
}

/// The values of settings in bytes, or in whatever they count: the settings that decide how much of the machine the server uses.
struct ServerAmounts {
    private let settings: [String: String]
    private let version: Int

    /// - Parameter settings: the written settings, by name. All others have PostgreSQL's default.
    init(_ settings: [String: String], version: Int) {
        self.settings = settings
        self.version = version
    }

    /// The value in force; zero for a value that is not a number, which the server refuses.
    subscript(_ name: String) -> Double {
        guard let known = Self.known[name] else { return 0 }
        return ServerNumber.value(text(name), unit: known.unit) ?? 0
    }

    /// The written value, or else PostgreSQL's default.
    func text(_ name: String) -> String {
        let standard = name == "hash_mem_multiplier" && version < 15 ? "1" : Self.known[name]?.standard ?? ""
        return settings[name] ?? standard
    }

    /// The same values with PostgreSQL's default for one setting.
    func without(_ name: String) -> ServerAmounts {
        var settings = settings
        settings[name] = nil
        return ServerAmounts(settings, version: version)
    }

    private static let count = 1.0
    private static let kilobyte = 0x1p10
    private static let megabyte = 0x1p20
    private static let block = 0x1p13

    /// For each setting, the unit of a number without one, in bytes, and PostgreSQL's own default.
    private static let known: [String: (unit: Double, standard: String)] = [
        "shared_buffers": (block, "128MB"), "wal_buffers": (block, "-1"), "min_dynamic_shared_memory": (megabyte, "0"),
        "huge_page_size": (kilobyte, "0"), "effective_cache_size": (block, "4GB"), "temp_buffers": (block, "8MB"),
        "work_mem": (kilobyte, "4MB"), "hash_mem_multiplier": (count, "2"), "maintenance_work_mem": (kilobyte, "64MB"),
        "autovacuum_work_mem": (kilobyte, "-1"), "autovacuum_max_workers": (count, "3"), "logical_decoding_work_mem": (kilobyte, "64MB"),
        "max_connections": (count, "100"), "max_worker_processes": (count, "8"), "max_wal_senders": (count, "10"),
        "max_prepared_transactions": (count, "0"), "max_locks_per_transaction": (count, "64"), "max_pred_locks_per_transaction": (count, "64"),
        "track_activity_query_size": (count, "1kB"), "pg_stat_statements.max": (count, "5000"),
        "wal_keep_size": (megabyte, "0"), "max_wal_size": (megabyte, "1GB"), "min_wal_size": (megabyte, "80MB"),
        "max_slot_wal_keep_size": (megabyte, "-1"), "temp_file_limit": (kilobyte, "-1"),
        "commit_timestamp_buffers": (block, "0"), "multixact_member_buffers": (block, "256kB"), "multixact_offset_buffers": (block, "128kB"),
        "notify_buffers": (block, "128kB"), "serializable_buffers": (block, "256kB"), "subtransaction_buffers": (block, "0"),
        "transaction_buffers": (block, "0"),
    ]
}

/// The memory that the server reserves when it starts, all of it shared, in bytes.
///
/// A low estimate, within a fifth of what `postgres -C shared_memory_size` reports: a test compares the two.
struct SharedMemory {
    /// The settings on which it depends.
    static let settings =
        [
            "shared_buffers", "wal_buffers", "min_dynamic_shared_memory", "max_connections", "max_locks_per_transaction", "max_pred_locks_per_transaction",
            "max_prepared_transactions", "max_worker_processes", "max_wal_senders", "autovacuum_max_workers", "track_activity_query_size",
            "pg_stat_statements.max",
        ] + caches

    /// The caches of transactions' states; since PostgreSQL 17.
    private static let caches = [
        "commit_timestamp_buffers", "multixact_member_buffers", "multixact_offset_buffers", "notify_buffers", "serializable_buffers",
        "subtransaction_buffers", "transaction_buffers",
    ]

    static func bytes(_ amounts: ServerAmounts) -> Double {
        // Each buffer has a descriptor and an entry in a hash table.
        let buffers = amounts["shared_buffers"] * 1.02
        let wal = amounts["wal_buffers"] < 0 ? min(amounts["shared_buffers"] / 32, 0x1p24) : amounts["wal_buffers"]
        let processes =
            amounts["max_connections"] + amounts["max_worker_processes"] + amounts["max_wal_senders"] + amounts["autovacuum_max_workers"]
        let transactions = processes + amounts["max_prepared_transactions"]
        let locks = transactions * (amounts["max_locks_per_transaction"] * 350 + amounts["max_pred_locks_per_transaction"] * 220)
        let own = processes * (5000 + amounts["track_activity_query_size"]) + amounts["max_prepared_transactions"] * 5000
        let statements = amounts["pg_stat_statements.max"] * 350
        let caches = caches.map { max(amounts[$0], 0) }.reduce(0, +)
        return buffers + wal + locks + own + statements + caches + amounts["min_dynamic_shared_memory"] + 0x1p20
    }
}

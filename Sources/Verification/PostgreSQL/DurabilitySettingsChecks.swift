internal import ApplianceModel
internal import Quoting
internal import Reports

/// The settings without which a commit is not durable, whoever set them.
enum DurabilitySettingsChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.durability-settings") { run, _ in
        [judge(try await run.target.shell.askServer(query, version: run.target.postgresqlVersion))]
    }

    struct Answer: Decodable {
        struct Override: Decodable {
            let role: String?
            let database: String?
            /// In the administrator's spelling.
            let value: String
        }
        let settings: [String: String]
        /// Connected standbys for which a commit may wait; nil if the server was not asked.
        var synchronousStandbys: Int?
        /// Values of `synchronous_commit` that apply only to some roles or databases.
        let overrides: [Override]
    }

    static let query: SQLText = """
        SELECT json_build_object(
            'settings', (SELECT json_object_agg(name, setting) FROM pg_settings
                         WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'wal_sync_method', 'synchronous_standby_names')),
            'synchronousStandbys', (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')),
            'overrides', (SELECT coalesce(json_agg(json_build_object(
                              'role', r.rolname, 'database', d.datname, 'value', split_part(entry, '=', 2)) ORDER BY r.rolname, d.datname), '[]')
                          FROM pg_db_role_setting s
                          CROSS JOIN LATERAL unnest(s.setconfig) entry
                          LEFT JOIN pg_roles r ON r.oid = s.setrole
                          LEFT JOIN pg_database d ON d.oid = s.setdatabase
                          WHERE lower(split_part(entry, '=', 1)) = 'synchronous_commit'));
        """

    /// The rules, separate from the query.
    static func judge(_ answer: Answer) -> Finding {
        let parts = ["fsync", "full_page_writes", "synchronous_commit"]
        var shown = parts.map { "\($0) \(answer.settings[$0] ?? "unknown")" }
        if let method = answer.settings["wal_sync_method"] { shown.append("by \(method)") }
        let lenient = answer.overrides.filter { isOff($0.value) }.map { "off for \(place($0))" }
        let names = answer.settings["synchronous_standby_names"] ?? ""
        let waits = !names.isEmpty && answer.synchronousStandbys == 0 && !["off", "local"].contains(answer.settings["synchronous_commit"] ?? "")
        if waits { shown.append("no standby of synchronous_standby_names is connected: every commit waits") }
        let isUnsafe = answer.settings["fsync"] != "on" || answer.settings["full_page_writes"] != "on" || answer.settings["synchronous_commit"] == nil
        let level: Finding.Level =
            isUnsafe || waits ? .fail : isOff(answer.settings["synchronous_commit"] ?? "") || !lenient.isEmpty ? .warn : .pass
        return Finding(
            check: "postgresql.durability-settings", level: level, measured: (shown + lenient).joined(separator: ", "),
            expected: "fsync on, full_page_writes on, synchronous_commit not off",
            remedy: remedies[level])
    }

    private static let remedies: [Finding.Level: String] = [
        .fail: "turn fsync and full_page_writes on: without them a crash can destroy the whole cluster, not only the last transactions",
        .warn: "with synchronous_commit off a crash loses transactions that were reported as committed: turn it on unless the data can bear that",
    ]

    private static func place(_ override: Answer.Override) -> String {
        switch (override.role, override.database) {
        case (let role?, let database?): "role \(role) in database \(database)"
        case (let role?, nil): "role \(role)"
        case (nil, let database?): "database \(database)"
        case (nil, nil): "every role and database"
        }
    }

    /// The spellings of off that the server accepts.
    private static func isOff(_ value: String) -> Bool { ["off", "false", "no", "0"].contains(value.lowercased()) }
}

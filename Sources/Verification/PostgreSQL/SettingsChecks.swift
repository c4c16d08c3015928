internal import ApplianceModel

/// Settings asked for against settings in force.
///
/// The server itself says which line of which file is in force (`pg_file_settings.applied`), so that units and spellings
/// need no comparison of ours. That view is a superuser's.
enum SettingsChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.settings") { run, measurements in
        let rows = try await run.target.shell.askServer(query, as: [Row].self)
        measurements.settings = table(asked: run.target.settings, rows: rows)
        return [compare(asked: run.target.settings, rows: rows)]
    }

    struct Row: Codable, Sendable {
        let name: String
        /// The values in conf.d, the last one read last.
        let written: String?
        let applied: Bool?
        let error: String?
        let pendingRestart: Bool
        let inForce: String
        let file: String?
        var line: Int?
        /// The kind of source, such as `command line`.
        var source: String?
    }

    private static let query = """
        SELECT coalesce(json_agg(json_build_object(
            'name', s.name, 'written', f.setting, 'applied', f.applied, 'error', f.error,
            'pendingRestart', s.pending_restart, 'inForce', coalesce(current_setting(s.name, true), ''), 'file', s.sourcefile,
            'line', s.sourceline, 'source', s.source)), '[]')
        FROM (
            SELECT name, pending_restart, sourcefile, sourceline, source FROM pg_settings
            UNION ALL
            -- Settings of a name space of one's own are in force, and not in pg_settings.
            SELECT DISTINCT name, false, NULL, NULL::integer, NULL FROM pg_file_settings own
            WHERE name LIKE '%.%' AND NOT EXISTS (SELECT FROM pg_settings known WHERE lower(known.name) = lower(own.name))) s
        LEFT JOIN LATERAL (
            SELECT setting, applied, error FROM pg_file_settings
            WHERE lower(name) = lower(s.name) AND sourcefile LIKE '%/conf.d/%' ORDER BY seqno DESC LIMIT 1) f ON true;
        """

    /// The rules, apart from the question.
    static func compare(asked: [String: String], rows: [Row]) -> Finding {
        let byName = byName(rows)
        let faults = asked.sorted { $0.key < $1.key }.compactMap { name, value in
            fault(asked: value, row: byName[name.lowercased()]).map { "\(name): \($0)" }
        }
        return Finding(
            check: "postgresql.settings", level: faults.isEmpty ? .pass : .fail,
            measured: faults.isEmpty ? "\(asked.count) of \(asked.count) in force" : faults.joined(separator: "; "),
            expected: "all \(asked.count) in force as asked",
            remedy: faults.isEmpty ? nil : "undo the change (ALTER SYSTEM RESET, or the file), or put it into the spec")
    }

    /// Every setting that was asked for with what is in force, by name.
    static func table(asked: [String: String], rows: [Row]) -> [SettingRow] {
        let byName = byName(rows)
        return asked.sorted { $0.key < $1.key }.map { name, value in
            let row = byName[name.lowercased()]
            return SettingRow(
                name: name, asked: value, inForce: row?.inForce ?? "", source: row.map(source) ?? "unknown to the server",
                pendingRestart: row?.pendingRestart ?? false, isAsAsked: fault(asked: value, row: row) == nil)
        }
    }

    private static func byName(_ rows: [Row]) -> [String: Row] { Dictionary(rows.map { ($0.name.lowercased(), $0) }) { first, _ in first } }

    private static func source(_ row: Row) -> String {
        guard let file = row.file else { return row.source ?? "configuration file" }
        return row.line.map { "\(file):\($0)" } ?? file
    }

    /// What keeps a setting from being in force as asked; nil when nothing does.
    private static func fault(asked value: String, row: Row?) -> String? {
        guard let row else { return "unknown to the server" }
        guard let written = row.written else { return "not in conf.d (asked \(value), in force \(row.inForce))" }
        if written != value { return "asked \(value), conf.d says \(written)" }
        if row.pendingRestart { return "waits for a restart (in force \(row.inForce))" }
        if row.applied != true {
            let winner = row.file.map { " by \($0)" } ?? ""
            return "asked \(value), overridden\(winner) (in force \(row.inForce))\(row.error.map { ": \($0)" } ?? "")"
        }
        return nil
    }
}

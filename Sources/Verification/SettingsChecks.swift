internal import ApplianceModel
internal import FoundationEssentials
internal import SecureShell

/// Settings asked for against settings in force.
///
/// The server itself says which line of which file is in force (`pg_file_settings.applied`), so that units and spellings
/// need no comparison of ours. That view is a superuser's: it is asked over SSH as `postgres`, by peer.
enum SettingsChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.settings") { run, _ in
        let target = run.target
        let result = try await target.shell.check(
            "sudo -n -u postgres psql -XAtq -v ON_ERROR_STOP=1 -d postgres", input: Array(query.utf8), timeout: .seconds(60))
        let rows = try JSONDecoder().decode([Row].self, from: Data(result.standardOutput))
        return [compare(asked: target.settings, rows: rows)]
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
    }

    private static let query = """
        SELECT coalesce(json_agg(json_build_object(
            'name', s.name, 'written', f.setting, 'applied', f.applied, 'error', f.error,
            'pendingRestart', s.pending_restart, 'inForce', current_setting(s.name, true), 'file', s.sourcefile)), '[]')
        FROM (
            SELECT name, pending_restart, sourcefile FROM pg_settings
            UNION ALL
            -- Settings of a name space of one's own are in force, and not in pg_settings.
            SELECT DISTINCT name, false, NULL FROM pg_file_settings own
            WHERE name LIKE '%.%' AND NOT EXISTS (SELECT FROM pg_settings known WHERE lower(known.name) = lower(own.name))) s
        LEFT JOIN LATERAL (
            SELECT setting, applied, error FROM pg_file_settings
            WHERE lower(name) = lower(s.name) AND sourcefile LIKE '%/conf.d/%' ORDER BY seqno DESC LIMIT 1) f ON true;
        """

    /// The rules, apart from the question.
    static func compare(asked: [String: String], rows: [Row]) -> Finding {
        let byName = Dictionary(rows.map { ($0.name.lowercased(), $0) }) { first, _ in first }
        let faults = asked.sorted { $0.key < $1.key }.compactMap { name, value -> String? in
            guard let row = byName[name.lowercased()] else { return "\(name): unknown to the server" }
            guard let written = row.written else { return "\(name): not in conf.d (asked \(value), in force \(row.inForce))" }
            if written != value { return "\(name): asked \(value), conf.d says \(written)" }
            if row.pendingRestart { return "\(name): waits for a restart (in force \(row.inForce))" }
            if row.applied != true {
                let winner = row.file.map { " by \($0)" } ?? ""
                return "\(name): asked \(value), overridden\(winner) (in force \(row.inForce))\(row.error.map { ": \($0)" } ?? "")"
            }
            return nil
        }
        return Finding(
            check: "postgresql.settings", level: faults.isEmpty ? .pass : .fail,
            measured: faults.isEmpty ? "\(asked.count) of \(asked.count) in force" : faults.joined(separator: "; "),
            expected: "all \(asked.count) in force as asked",
            remedy: faults.isEmpty ? nil : "undo the change (ALTER SYSTEM RESET, or the file), or put it into the spec")
    }
}

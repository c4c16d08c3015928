internal import ApplianceModel
internal import Quoting
internal import Reports
package import SecureShell

/// Compares the requested settings with those in force.
///
/// The server itself reports which line of which file is in force (`pg_file_settings.applied`), so that pgkvm does not have to compare units and
/// spellings. Only a superuser may read that view.
package enum SettingsChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.settings") { run, measurements in
        let target = run.target
        let rows = try await target.shell.askServer(query, version: target.postgresqlVersion, as: [Row].self)
        measurements.settings = table(asked: target.settings, rows: rows, resolved: target.resolvedSettings)
        return [compare(asked: target.settings, rows: rows, resolved: target.resolvedSettings)]
    }

    /// The values, by name, of settings for which the server itself chose other values, queried when the settings have just come into force. Settings
    /// that an administrator set are not among them.
    /// - Throws: the errors of the query.
    package static func resolved(_ asked: [String: String], _ shell: any RemoteShell, version: Int) async throws -> [String: String] {
        let rows = byName(try await shell.askServer(query, version: version, as: [Row].self))
        var values: [String: String] = [:]
        for (name, value) in asked {
            guard let row = rows[name.lowercased()], row.written == value, row.applied != true || row.pendingRestart, row.isOurs, let setting = row.setting
            else { continue }
            values[name.lowercased()] = setting
        }
        return values
    }

    struct Row: Codable, Sendable {
        let name: String
        /// The value in conf.d; the last one that was read counts.
        let written: String?
        let applied: Bool?
        let error: String?
        let pendingRestart: Bool
        let inForce: String
        let file: String?
        var line: Int?
        /// The kind of source, such as `command line`.
        var source: String?
        /// In the server's own unit.
        var setting: String?

        /// Whether the value in force comes only from pgkvm's files.
        var isOurs: Bool { file.map { $0.utf8.starts(with: "/etc/postgresql/".utf8) } ?? (source == "default" || source == "override") }
    }

    private static let query: SQLText = """
        SELECT coalesce(json_agg(json_build_object(
            'name', s.name, 'written', f.setting, 'applied', f.applied, 'error', f.error,
            'pendingRestart', s.pending_restart,
            -- What this session sets for itself says nothing of others: for them the file counts.
            'inForce', CASE WHEN s.source = 'client' AND f.applied THEN f.setting ELSE coalesce(current_setting(s.name, true), '') END,
            'file', CASE WHEN s.source = 'client' THEN f.sourcefile ELSE s.sourcefile END,
            'line', CASE WHEN s.source = 'client' THEN f.sourceline ELSE s.sourceline END, 'source', s.source, 'setting', s.setting)), '[]')
        FROM (
            SELECT name, pending_restart, sourcefile, sourceline, source, setting FROM pg_settings
            UNION ALL
            -- Settings of a name space of one's own are in force, and not in pg_settings.
            SELECT DISTINCT name, false, NULL, NULL::integer, NULL, NULL FROM pg_file_settings own
            WHERE name LIKE '%.%' AND NOT EXISTS (SELECT FROM pg_settings known WHERE lower(known.name) = lower(own.name))) s
        LEFT JOIN LATERAL (
            SELECT setting, applied, error, sourcefile, sourceline FROM pg_file_settings
            WHERE lower(name) = lower(s.name) AND sourcefile LIKE '%/conf.d/%' ORDER BY seqno DESC LIMIT 1) f ON true;
        """

    /// The rules, separate from the query.
    /// - Parameter resolved: values that the server chose in place of the requested ones, by name.
    static func compare(asked: [String: String], rows: [Row], resolved: [String: String] = [:]) -> Finding {
        let byName = byName(rows)
        let faults = asked.sorted { $0.key < $1.key }.compactMap { name, value in
            fault(asked: value, row: byName[name.lowercased()], resolved: resolved[name.lowercased()]).map { "\(name): \($0)" }
        }
        return Finding(
            check: "postgresql.settings", level: faults.isEmpty ? .pass : .fail,
            measured: faults.isEmpty ? "\(asked.count) of \(asked.count) in force" : faults.joined(separator: "; "),
            expected: "all \(asked.count) in force as asked",
            remedy: faults.isEmpty ? nil : "undo the change (ALTER SYSTEM RESET, or the file), or put it into the spec")
    }

    /// Every requested setting with its value in force, by name.
    static func table(asked: [String: String], rows: [Row], resolved: [String: String] = [:]) -> [SettingRow] {
        let byName = byName(rows)
        return asked.sorted { $0.key < $1.key }.map { name, value in
            let row = byName[name.lowercased()]
            return SettingRow(
                name: name, asked: value, inForce: row?.inForce ?? "", source: row.map(source) ?? "unknown to the server",
                pendingRestart: row?.pendingRestart ?? false, isAsAsked: fault(asked: value, row: row, resolved: resolved[name.lowercased()]) == nil)
        }
    }

    private static func byName(_ rows: [Row]) -> [String: Row] { Dictionary(rows.map { ($0.name.lowercased(), $0) }) { first, _ in first } }

    private static func source(_ row: Row) -> String {
        guard let file = row.file else { return row.source ?? "configuration file" }
        return row.line.map { "\(file):\($0)" } ?? file
    }

    /// Why a setting is not in force as requested; nil if it is.
    private static func fault(asked value: String, row: Row?, resolved: String?) -> String? {
        guard let row else { return "unknown to the server" }
        guard let written = row.written else { return "not in conf.d (asked \(value), in force \(row.inForce))" }
        if written != value { return "asked \(value), conf.d says \(written)" }
        // The server itself made this value from the requested one.
        if let resolved, row.isOurs, row.setting == resolved { return nil }
        if row.pendingRestart { return "waits for a restart (in force \(row.inForce))" }
        if row.applied != true {
            let winner = row.file.map { " by \($0)" } ?? ""
            return "asked \(value), overridden\(winner) (in force \(row.inForce))\(row.error.map { ": \($0)" } ?? "")"
        }
        return nil
    }
}

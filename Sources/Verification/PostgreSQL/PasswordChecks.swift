internal import ApplianceModel
internal import Quoting
internal import Reports

/// How the server stores passwords. The hashes themselves never leave it.
enum PasswordChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.password-hashes") { run, _ in
        [judge(try await run.target.shell.askServer(query, version: run.target.postgresqlVersion))]
    }

    struct Role: Decodable {
        let name: String
        /// `scram`, `md5` or `other`.
        let kind: String
    }

    static let query: SQLText = """
        SELECT coalesce(json_agg(json_build_object('name', rolname, 'kind', CASE
            WHEN rolpassword ~ '^SCRAM-SHA-256\\$[0-9]+:[^$]+\\$[^:]+:.+$' THEN 'scram' WHEN rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'md5'
            ELSE 'other' END) ORDER BY rolname), '[]')
        FROM pg_authid WHERE rolpassword IS NOT NULL;
        """

    /// The rules, separate from the query.
    static func judge(_ roles: [Role]) -> Finding {
        let others = roles.filter { $0.kind != "scram" }
        let level: Finding.Level = roles.isEmpty || !others.isEmpty ? .fail : .pass
        let measured =
            roles.isEmpty
            ? "no role has a password, not even pgkvm's own"
            : others.isEmpty
                ? "\(roles.count) of \(roles.count) are SCRAM-SHA-256"
                : others.map { "\($0.name): \($0.kind == "md5" ? "MD5" : "neither SCRAM nor MD5")" }.joined(separator: "; ")
        return Finding(
            check: "postgresql.password-hashes", level: level, measured: measured, expected: "every password kept as SCRAM-SHA-256",
            remedy: level == .pass ? nil : "set the password anew while password_encryption is scram-sha-256")
    }
}

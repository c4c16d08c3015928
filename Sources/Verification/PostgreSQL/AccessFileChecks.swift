internal import ApplianceModel
internal import Reports
internal import SecureShell

/// Lines of pg_hba.conf that are not pgkvm's. An administrator may add them, and the next change of the configuration asks before it removes them.
enum AccessFileChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.access-file") { run, _ in
        let target = run.target
        guard let planned = target.accessFile else { return [] }
        let found = try await target.shell.check("sudo -n -u postgres head -c 262144 /etc/postgresql/\(target.postgresqlVersion)/main/pg_hba.conf")
        return [judge(inForce: found.outputText, planned: planned)]
    }

    /// The rules, separate from the query.
    static func judge(inForce: String, planned: String) -> Finding {
        let file = "pg_hba.conf"
        let added = HandAdded.lines(inForce: [file: inForce], known: [:], planned: [file: planned])[file] ?? []
        let missing = HandAdded.lines(inForce: [file: planned], known: [:], planned: [file: inForce])[file] ?? []
        let parts = added.map { "added by hand: \(SpecRules.escaped($0, limit: 200))" } + missing.map { "missing: \(SpecRules.escaped($0, limit: 200))" }
        return Finding(
            check: "postgresql.access-file", level: parts.isEmpty ? .pass : .warn,
            measured: parts.isEmpty ? "the lines of the spec and no others" : parts.prefix(20).joined(separator: "; "),
            expected: "the lines that follow from the spec",
            remedy: parts.isEmpty
                ? nil : "ask for the same in the spec (postgresql.allowFrom, roles with replication); a change of the spec asks before it replaces the file")
    }
}

internal import ApplianceModel
internal import Probes
internal import Quoting
internal import Reports
internal import SecureShell

/// What PostgreSQL's own program reports about the methods to make a write durable.
enum FsyncMethodsCheck {
    private static let check = "disk.fsync-methods"
    private static let expected = "a figure of fdatasync, which wal_sync_method uses"

    static let group = CheckGroup(name: .disk, check: "disk.fsync-methods", runs: { $0.depth != .quick }) { run, measurements in
        try await DiskLoad.alone(run, check: check, expected: expected) {
            let target = run.target
            let program = "/usr/lib/postgresql/\(target.postgresqlVersion)/bin/pg_test_fsync"
            guard try await target.shell.run("test -x \(program)", input: [], timeout: .seconds(30)).status == 0 else {
                throw NotMeasured(reason: "the guest has no '\(program)'", remedy: "install PostgreSQL's server package with its programs")
            }
            let text = try await GuestProbeDirectory.with(target.shell) { _ in
                run.progress("disk: pg_test_fsync, about 20 s")
                return try await target.shell.check(
                    "sudo -n timeout -k 5 120 \(program) -s 1 -f \("\(GuestProbeDirectory.path)/pg_test_fsync")", timeout: .seconds(150)
                ).outputText
            }
            measurements.outputs["pg_test_fsync"] = text
            return [finding(text)]
        }
    }

    /// The rules, separate from the run.
    static func finding(_ text: String) -> Finding {
        let methods = methods(text)
        let said = methods.map { "\($0.name) \($0.microseconds.map { "\($0) µs" } ?? "n/a")" }.joined(separator: ", ")
        guard methods.contains(where: { $0.name == "fdatasync" && $0.microseconds != nil }) else {
            return Finding(
                check: check, level: .fail, measured: said.isEmpty ? "pg_test_fsync said nothing that is understood" : said, expected: expected,
                remedy: "look at the output in the report")
        }
        return Finding(check: check, level: .pass, measured: said, expected: expected)
    }

    /// The first table, with one 8 kB write each; nil for a method that the system does not have.
    static func methods(_ text: String) -> [(name: String, microseconds: Int?)] {
        let lines = text.split(at: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(where: { $0.contains("one 8kB write") }) else { return [] }
        let table = lines[lines.index(after: start)...].prefix { !$0.isEmpty }
        return table.compactMap { line in
            let words = line.split(at: " ").filter { !$0.ends(with: "*") }
            guard let name = words.first, line.first == " " else { return nil }
            if words.count == 2, words[1] == "n/a" { return (String(name), nil) }
            guard words.count == 5, words[2] == "ops/sec", words[4] == "usecs/op", let value = Int(words[3]) else { return nil }
            return (String(name), value)
        }
    }
}

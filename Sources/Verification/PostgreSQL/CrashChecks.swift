internal import ApplianceModel
internal import BuiltinTemplates
internal import PostgresClient
internal import Reports
internal import SecureShell

/// Ends the postmaster with SIGKILL and checks for what was committed a moment before.
enum CrashChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.crash", runs: { $0.depth == .full }) { run, _ in
        let target = run.target
        run.progress("ending the postmaster with SIGKILL, once")
        let token = try await CommitProbe.write(target)
        let script = GuestScript.crashPostmaster.text("\(target.postgresqlVersion)", SessionDefaults.options(version: target.postgresqlVersion))
        let report = GuestReport(try await target.shell.check("sudo -n sh", input: Array(script.utf8), timeout: .seconds(600)).outputText)
        return [judge(report, committed: token, found: try await CommitProbe.read(target))]
    }

    /// The rules, separate from the crash.
    static func judge(_ report: GuestReport, committed: String, found: String?) -> Finding {
        let expected = "the row that was committed before the kill"
        guard let old = Int(report["killed"]), let new = Int(report["running"]), old != new, let milliseconds = Int(report["milliseconds"]) else {
            return Finding(
                check: "postgresql.crash", level: .fail, measured: "the postmaster was not seen to end and come back", expected: expected,
                remedy: "look at the server's log: pgkvm logs")
        }
        let way = report["starts"] == "0" ? "came back by itself" : "was started again (its unit does not do that by itself)"
        return Finding(
            check: "postgresql.crash", level: found == committed ? .pass : .fail,
            measured: "postmaster \(old) killed; the server \(way) and answered after \(milliseconds) ms; the row "
                + (found == committed ? "is there" : "is \(found == nil ? "gone" : "an older one")"),
            expected: expected, remedy: found == committed ? nil : "look at postgresql.durability-settings and the durability group")
    }
}

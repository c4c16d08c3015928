internal import ApplianceModel
internal import Basics
internal import BuiltinTemplates
internal import PostgresClient
internal import Probes
internal import Quoting
internal import Reports
internal import SecureShell

/// A short pgbench run in the guest, stored as a figure for later comparisons.
enum PgbenchChecks {
    /// The length of each run; there are two kinds of them.
    static let seconds = 3

    static let group = CheckGroup(name: .postgresql, check: "postgresql.pgbench", runs: { $0.depth != .quick }) { run, measurements in
        if let full = fullDisk(usedPercent: try await run.guestReport.get()["data_used_percent"]) { return [full] }
        let rounds = run.options.rounds(standard: 1, full: 3)
        run.progress("pgbench, about \(rounds * 2 * seconds + 2) s")
        let output = try await output(run.target, seconds: seconds, rounds: rounds)
        measurements.outputs["pgbench"] = output
        let results = try Results(output, seconds: seconds, rounds: rounds)
        measurements.metrics += [
            Metric("postgresql.pgbench.select-only", results.selectOnly, .transactionsPerSecond, better: .higher),
            Metric("postgresql.pgbench.tpcb-like", results.tpcbLike, .transactionsPerSecond, better: .higher),
        ]
        return [results.finding(seconds: seconds, rounds: rounds)]
    }

    /// A measurement must not fill a database disk that is already nearly full.
    /// - Returns: why nothing is measured; nil if there is enough space.
    static func fullDisk(usedPercent: String) -> Finding? {
        if let used = Int(usedPercent), used <= 90 { return nil }
        return Finding(
            check: "postgresql.pgbench", level: .skip,
            measured: usedPercent.isEmpty ? "how full the data disk is is unknown" : "\(usedPercent) % of the data disk used",
            expected: "a figure to compare later runs with", remedy: "left out above 90 %: free space, then verify again")
    }

    static func output(_ target: VerificationTarget, seconds: Int, rounds: Int) async throws -> String {
        let script = GuestScript.pgbench.text(
            "\(target.postgresqlVersion)", "\(seconds)", "\(rounds)", SessionDefaults.options(version: target.postgresqlVersion))
        return try await target.shell.check("sh", input: Array(script.utf8), timeout: .seconds(180 + rounds * 4 * seconds)).outputText
    }

    /// Medians over the rounds, in transactions per second.
    struct Results {
        let selectOnly: Double
        let tpcbLike: Double

        /// - Parameter output: the output of `pgbench.sh`: a line `== KIND` before each report.
        init(_ output: String, seconds: Int, rounds: Int) throws {
            var sections: [(kind: String, text: String)] = []
            for line in output.split(whereSeparator: \.isNewline) {
                if line.begins(with: "== ") {
                    sections.append((String(line.dropFirst(3)), ""))
                } else if !sections.isEmpty {
                    sections[sections.count - 1].text += line + "\n"
                }
            }
            func median(_ kind: String) throws -> Double {
                let values = try sections.filter { $0.kind == kind }.map { try PgbenchReport($0.text, seconds: seconds).transactionsPerSecond }.sorted()
                guard values.count == rounds, rounds > 0 else {
                    throw PgbenchReport.Damage(description: "\(values.count) of \(rounds) runs '\(kind)' came back")
                }
                return rounds % 2 == 1 ? values[rounds / 2] : (values[rounds / 2 - 1] + values[rounds / 2]) / 2
            }
            selectOnly = try median("select-only")
            tpcbLike = try median("tpcb-like")
        }

        func finding(seconds: Int, rounds: Int) -> Finding {
            func shown(_ value: Double) -> String { value < 10 ? "\((value * 10).rounded() / 10)" : "\(Int(saturating: value.rounded()))" }
            return Finding(
                check: "postgresql.pgbench", level: .pass,
                measured: "select-only \(shown(selectOnly)), tpcb-like \(shown(tpcbLike)) transactions a second "
                    + "(1 client, scale 1, \(seconds) s\(rounds == 1 ? "" : ", the median of \(rounds) runs") each, over the guest's own socket)",
                expected: "a figure to compare later runs with")
        }
    }
}

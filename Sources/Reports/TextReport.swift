package import ApplianceModel
internal import Basics
package import Terminal

/// Findings and figures for people at a terminal, and for logs.
package enum TextReport {
    package static func render(_ report: Report, style: TextStyle = .plain) -> String {
        [
            style.bold("\(TextStyle.shown(report.appliance)): \(report.findings.verdict)"),
            style.dim("\(TextStyle.shown(report.time)), \(report.accelerator.rawValue.uppercased()), \(report.depth.rawValue)"),
        ].joined(separator: "\n") + figures(report.measurements, style) + "\n\n" + findings(report.findings, style: style)
    }

    /// The findings as a table, what to do about each that is not well, and a line that counts them.
    package static func findings(_ findings: [Finding], style: TextStyle = .plain) -> String {
        let findings = findings.map(\.shown)
        let width = findings.map(\.check.count).max() ?? 0
        var lines = findings.map { finding in
            "\(style.word(finding.level))  \(finding.check.padded(to: width))  " + style.wrapped(finding.measured, indent: width + 8)
        }
        for finding in findings where finding.level >= .warn {
            let advice = "expected \(finding.expected)" + (finding.remedy.map { "; try: \($0)" } ?? "")
            lines.append("\(finding.level.rawValue): \(finding.check): " + style.wrapped(advice, indent: finding.check.count + 8))
        }
        let counts = Finding.Level.allCases.map { level in "\(findings.count(level)) \(level.rawValue)" }
        return (lines + [counts.joined(separator: ", ")]).joined(separator: "\n")
    }

    /// The stored reports, one line each, the oldest first.
    package static func history(_ reports: [(name: String, report: Report?)], style: TextStyle = .plain) -> String {
        let width = reports.map(\.name.count).max() ?? 0
        return reports.map { name, report in
            guard let report else { return "\(name.padded(to: width))  cannot be read" }
            return "\(name.padded(to: width))  \(style.word(report.findings.overall))  \(report.accelerator.rawValue.uppercased().padded(to: 3))  "
                + "\(report.depth.rawValue.padded(to: 8))  \(report.findings.verdict)"
        }.joined(separator: "\n")
    }

    /// What changed between two reports.
    package static func comparison(_ change: ReportComparison, style: TextStyle = .plain) -> String {
        var lines = [style.bold(TextStyle.shown("from \(change.before) to \(change.after)"))]
        lines += change.cautions.map { "caution: \(TextStyle.shown($0))" }
        lines.append(change.findings.isEmpty ? "every check has the level that it had" : "\n" + levelChanges(change, style: style))
        lines.append(change.metrics.isEmpty ? "no figure is in both" : "")
        let names = change.metrics.map(\.id.count).max() ?? 0
        for metric in change.metrics {
            let id = TextStyle.shown(metric.id)
            let ratio = metric.ratio.map { MetricUnit.ratio.text($0) } ?? "-"
            let opinion = metric.worsening > MetricChange.margin ? "worse" : 1 / metric.worsening > MetricChange.margin ? "better" : ""
            lines.append(
                "\(id.padded(to: names))  \(metric.unit.text(metric.before).paddedLeft(to: 11)) → \(metric.unit.text(metric.after).padded(to: 11))  "
                    + "\(ratio.paddedLeft(to: 7))  \(opinion)")
        }
        return lines.map(trimmed).joined(separator: "\n")
    }

    /// The checks whose level changed, one line each.
    package static func levelChanges(_ change: ReportComparison, style: TextStyle = .plain) -> String {
        let width = change.findings.map { TextStyle.shown($0.check).count }.max() ?? 0
        return change.findings.map { finding in
            let levels = [finding.before, finding.after].map { $0.map(style.word) ?? "none" }.joined(separator: " → ")
            return "\(TextStyle.shown(finding.check).padded(to: width))  \(levels)  \(TextStyle.shown(finding.measured))"
        }.joined(separator: "\n")
    }

    private static func figures(_ measurements: Measurements, _ style: TextStyle) -> String {
        var blocks = measurements.latencies.map { LatencyText.render($0, style) }
        let width = measurements.metrics.map(\.id.count).max() ?? 0
        if !measurements.metrics.isEmpty {
            let rows = measurements.metrics.map { "\(TextStyle.shown($0.id).padded(to: width))  \($0.unit.text($0.value))" }
            blocks.append(([style.bold("Figures")] + rows).joined(separator: "\n"))
        }
        return blocks.map { "\n\n" + $0 }.joined()
    }

    private static func trimmed(_ line: String) -> String { String(line.reversed().drop { $0 == " " }.reversed()) }
}

extension Finding {
    /// The finding, made safe for a terminal.
    fileprivate var shown: Finding {
        Finding(
            check: TextStyle.shown(check), level: level, measured: TextStyle.shown(measured), expected: TextStyle.shown(expected),
            remedy: remedy.map(TextStyle.shown))
    }
}

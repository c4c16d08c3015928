internal import ApplianceModel

/// The runs before this one, in the form that the template shows.
enum HTMLHistory {
    /// How many runs to show.
    static let limit = 24

    static func values(_ report: Report, _ history: [Report]) -> [String: Any] {
        let runs = history.suffix(limit - 1).map { row($0, isThis: false) } + [row(report, isThis: true)]
        return [
            "hasHistory": !history.isEmpty, "strip": runs, "history": Array(runs.reversed()),
            "historyLabel": "The last \(runs.count) runs, the newest last",
        ]
    }

    private static func row(_ report: Report, isThis: Bool) -> [String: Any] {
        let date = HTMLReport.date(report.time)
        return [
            "date": HTMLReport.date(report.time, isShort: true), "level": report.findings.overall.rawValue, "verdict": report.findings.verdict,
            "mark": isThis ? "this" : "",
            "how": "\(report.accelerator.rawValue.uppercased()), \(report.depth.rawValue)", "title": "\(date): \(report.findings.verdict)",
        ]
    }
}

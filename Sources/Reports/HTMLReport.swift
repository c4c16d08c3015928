internal import ApplianceModel
internal import Basics
internal import BuiltinTemplates
internal import Mustache
internal import Quoting

/// The report as one self-contained HTML file: no script, no network. The template escapes every value.
package enum HTMLReport {
    /// - Parameter history: earlier reports of the same appliance, the oldest first.
    /// - Throws: `template.invalid`.
    package static func render(_ report: Report, history: [Report] = []) throws -> String {
        MustacheContentTypes.register(HTMLContent(), named: HTMLContent.name)
        guard let text = BuiltinTemplates.text("report/report.html") else {
            throw Failure(Failure.Code("template.invalid"), "there is no template 'report/report.html'")
        }
        do {
            return try MustacheTemplate(string: text).render(values(report, history))
        } catch {
            throw Failure(Failure.Code("template.invalid"), "template 'report/report.html' cannot be read as Mustache", cause: error)
        }
    }

    private static func values(_ report: Report, _ history: [Report]) -> [String: Any] {
        let findings = report.findings
        let problems = findings.enumerated().filter { $0.element.level >= .warn }.sorted {
            ($1.element.level, $0.offset) < ($0.element.level, $1.offset)
        }
        var values: [String: Any] = [
            "appliance": report.appliance, "verdict": findings.verdict, "level": findings.overall.rawValue, "date": date(report.time), "time": report.time,
            "accelerator": report.accelerator.rawValue.uppercased(), "depth": report.depth.rawValue, "isEmulated": report.accelerator == .tcg,
            "levels": levels(findings), "hasProblems": !problems.isEmpty,
            "problems": problems.map { self.finding($0.element, at: $0.offset) }, "groups": groups(findings),
        ]
        values.merge(HTMLFigures.values(report, history)) { _, new in new }
        values.merge(HTMLTables.values(report.measurements)) { _, new in new }
        values.merge(HTMLHistory.values(report, history)) { _, new in new }
        return values
    }

    /// The levels that occur, the best first, for the bar below the verdict.
    private static func levels(_ findings: [Finding]) -> [[String: Any]] {
        let words: [Finding.Level: String] = [.pass: "passed", .warn: "to know of", .fail: "failed", .skip: "left out"]
        return [.pass, .warn, .fail, .skip].filter { findings.count($0) > 0 }.map {
            ["level": $0.rawValue, "count": findings.count($0), "word": words[$0] ?? ""]
        }
    }

    private static func groups(_ findings: [Finding]) -> [[String: Any]] {
        // A link identifies the finding by its position, because an id may occur more than once.
        let places = Dictionary(grouping: findings.enumerated()) { $0.element.check.prefix { $0 != "." } }
        return FindingGroup.of(findings).map { group in
            let members = places[group.name[...]] ?? []
            let counts = Finding.Level.allCases.reversed().filter { level in group.findings.count(level) > 0 }
            return [
                "group": title(group.name), "summary": counts.map { "\(group.findings.count($0)) \($0.rawValue)" }.joined(separator: ", "),
                "findings": members.map { finding($0.element, at: $0.offset) },
            ]
        }
    }

    private static func finding(_ finding: Finding, at offset: Int) -> [String: Any] {
        [
            "level": finding.level.rawValue, "check": finding.check, "anchor": "finding-\(offset)", "measured": finding.measured,
            "expected": finding.expected, "isNoted": finding.level != .pass, "hasRemedy": finding.remedy != nil, "remedy": finding.remedy ?? "",
            "remedyWord": finding.level == .skip ? "Note" : "To do",
        ]
    }

    private static func title(_ group: String) -> String {
        let names = ["cpu": "Processor", "postgresql": "PostgreSQL", "tls": "TLS"]
        return names[group] ?? group.prefix(1).uppercased() + group.dropFirst()
    }

    /// `22 November 2026, 22:50 UTC` for an ISO 8601 time; any other text is returned unchanged.
    /// - Parameter isShort: `22 Nov 2026, 22:50` for tables.
    static func date(_ time: String, isShort: Bool = false) -> String {
        let months = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
        ]
        let halves = time.split(at: "T")
        let parts = halves.first?.split(at: "-").map { Int($0) } ?? []
        guard halves.count == 2, parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2], (1...12).contains(month)
        else { return time }
        let name = months[month - 1]
        return "\(day) \(isShort ? String(name.prefix(3)) : name) \(year), \(halves[1].prefix(5))" + (isShort ? "" : " UTC")
    }
}

internal import ApplianceModel
internal import Basics
internal import Quoting

/// The report as JUnit XML, for systems that show tests: a suite for each group, a test case for each finding.
package enum JUnitReport {
    package static func render(_ report: Report) -> String {
        let groups = FindingGroup.of(report.findings)
        let name = "pgkvm verify \(report.appliance)"
        var lines = [
            #"<?xml version="1.0" encoding="UTF-8"?>"#,
            "<testsuites name=\"\(XMLText(attribute: name))\" \(counts(report.findings))>",
        ]
        for group in groups {
            lines.append(
                "  <testsuite name=\"\(XMLText(attribute: group.name))\" \(counts(group.findings)) errors=\"0\" "
                    + "timestamp=\"\(XMLText(attribute: timestamp(report.time)))\">")
            lines += group.findings.flatMap { testCase($0, in: report.appliance, group.name) }
            lines.append("  </testsuite>")
        }
        return (lines + ["</testsuites>"]).joined(separator: "\n") + "\n"
    }

    private static func counts(_ findings: [Finding]) -> String {
        "tests=\"\(findings.count)\" failures=\"\(findings.count { $0.level == .fail })\" skipped=\"\(findings.count { $0.level == .skip })\""
    }

    private static func testCase(_ finding: Finding, in appliance: String, _ group: String) -> [String] {
        let head = "    <testcase classname=\"\(XMLText(attribute: "\(appliance).\(group)"))\" name=\"\(XMLText(attribute: finding.check))\""
        let remedy = finding.remedy.map { "remedy: \($0)" } ?? ""
        let message = "\(finding.measured); expected \(finding.expected)"
        switch finding.level {
        case .pass:
            return [head + "/>"]
        case .skip:
            let reason = [finding.measured, finding.remedy].compactMap(\.self).joined(separator: ": ")
            return [head + ">", "      <skipped message=\"\(XMLText(attribute: reason))\"/>", "    </testcase>"]
        case .warn:
            return [head + ">", "      <system-out>\(XMLText(content: "warning: \(message)\n\(remedy)"))</system-out>", "    </testcase>"]
        case .fail:
            return [
                head + ">",
                "      <failure type=\"\(XMLText(attribute: finding.check))\" message=\"\(XMLText(attribute: message))\">\(XMLText(content: remedy))</failure>",
                "    </testcase>",
            ]
        }
    }

    /// JUnit's times have no time zone.
    private static func timestamp(_ time: String) -> String { time.ends(with: "Z") ? String(time.dropLast()) : time }
}

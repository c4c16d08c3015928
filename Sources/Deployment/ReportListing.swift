package import ApplianceModel
package import Basics
package import Reports
internal import Verification

/// A line of `report --list`. Its JSON keys are API.
package struct ReportListing: Codable, Sendable {
    package let name: String
    /// Nil, like the members below, if the report cannot be read.
    package let time: String?
    package let accelerator: Accelerator?
    package let depth: Depth?
    package let passed: Int?
    package let skipped: Int?
    package let warned: Int?
    package let failed: Int?

    package init(name: String, report: Report?) {
        func count(_ level: Finding.Level) -> Int? { report.map { $0.findings.count { $0.level == level } } }
        self.name = name
        time = report?.time
        accelerator = report?.accelerator
        depth = report?.depth
        passed = count(.pass)
        skipped = count(.skip)
        warned = count(.warn)
        failed = count(.fail)
    }
}

extension Failure.Code {
    /// No report is stored yet.
    package static let noReport = Failure.Code("report.missing")
}

internal import Basics

/// The result of one check: what was measured, compared with what was expected.
///
/// Text, JSON and the exit status are made from the same array of findings.
package struct Finding: Codable, Sendable, Equatable {
    package enum Level: String, Codable, Sendable, CaseIterable, Comparable {
        case pass, skip, warn, fail

        package static func < (left: Level, right: Level) -> Bool { left.severity < right.severity }
        private var severity: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    /// The stable id of the check, `group.name`; part of the API.
    package let check: String
    package let level: Level
    package let measured: String
    package let expected: String
    /// What to do if the level is `warn` or `fail`; why the check was left out if it is `skip`.
    package let remedy: String?

    package init(check: String, level: Level, measured: String, expected: String, remedy: String? = nil) {
        self.check = check
        self.level = level
        self.measured = measured
        self.expected = expected
        self.remedy = remedy
    }
}

extension [Finding] {
    /// Whether no check failed. Warnings and skipped checks do not count as failures.
    package var allPassed: Bool { !contains { $0.level == .fail } }
}

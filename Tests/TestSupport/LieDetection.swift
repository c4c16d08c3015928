package import ApplianceModel

/// How a check judged a lie and the truth, in turn, over and over.
package struct LieDetection: Sendable, Equatable {
    package static let rounds = 20
    /// Every lie was failed, and every truth passed.
    package static let perfect = LieDetection()

    /// What was said of lies that were not failed.
    package private(set) var misses: [String] = []
    /// What was said of truths that did not pass.
    package private(set) var falseAlarms: [String] = []

    /// Asks twenty times each.
    /// - Parameter judge: makes the lie, or sets things right, and asks the check; nil is a check that said nothing.
    package static func alternate(_ judge: (_ isLie: Bool, _ round: Int) async throws -> Finding?) async rethrows -> LieDetection {
        var outcome = LieDetection()
        for round in 0..<rounds {
            let lie = try await judge(true, round)
            if lie?.level != .fail { outcome.misses.append("round \(round): \(text(lie))") }
            let truth = try await judge(false, round)
            if truth?.level != .pass { outcome.falseAlarms.append("round \(round): \(text(truth))") }
        }
        return outcome
    }

    private static func text(_ finding: Finding?) -> String { finding.map { "\($0.check) \($0.level.rawValue), \($0.measured)" } ?? "nothing" }
}

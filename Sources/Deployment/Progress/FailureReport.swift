internal import ApplianceModel
internal import Basics
internal import Terminal
internal import Workflow

/// An error with its chain of causes: what happened, why, and what to do. Its JSON keys are API.
package struct FailureReport: Encodable, Sendable, Equatable {
    /// The stable name of the failure, if it has one (docs/troubleshooting.md).
    package let code: String?
    package let message: String
    /// From the nearest to the farthest.
    package let causes: [String]
    package let remedies: [String]

    package init(_ error: any Error) {
        code = (error as? Failure)?.code.rawValue
        message = Self.headline(error)
        let chain = sequence(first: error) { Self.cause(of: $0) }
        causes = chain.dropFirst().map(Self.headline)
        remedies = chain.compactMap { ($0 as? Failure)?.remedy }
    }

    private static func headline(_ error: any Error) -> String { (error as? Failure)?.message ?? "\(error)" }

    private static func cause(of error: any Error) -> (any Error)? { (error as? Failure)?.cause }
}

/// An error as it is printed once, at the top level. Much of its text may come from elsewhere: from a guest, a server or a file.
package enum FailureText {
    package static func render(_ error: any Error) -> String {
        let report = FailureReport(error)
        let lines =
            ["error\(report.code.map { "[\($0)]" } ?? ""): \(report.message)"] + report.causes.map { "  cause: \($0)" }
            + report.remedies.map { "  try: \($0)" }
        return TextStyle.shownLines(lines.joined(separator: "\n"))
    }
}

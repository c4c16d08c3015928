import ApplianceModel
import Basics
import PostgresClient
import Testing

/// Expects a failure with a code and hands it back for a closer look.
@discardableResult
func expectFailure(
    _ code: Failure.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> Failure? {
    do {
        try await body()
        Issue.record("no failure, expected '\(code)'", sourceLocation: sourceLocation)
    } catch let failure as Failure {
        #expect(failure.code == code, "\(failure) \(failure.cause.map { "\($0)" } ?? "")", sourceLocation: sourceLocation)
        return failure
    } catch {
        Issue.record("\(error), expected '\(code)'", sourceLocation: sourceLocation)
    }
    return nil
}

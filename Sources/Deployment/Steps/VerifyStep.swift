internal import ApplianceModel
package import Basics
internal import Reports
internal import Verification
internal import Workflow

/// Step 4 of the scenario: the appliance is checked against its spec.
struct VerifyStep: Step {
    let id = StepID(rawValue: "verify")
    let title = "Verify"

    func explanation(_ context: DeploymentContext) -> StepExplanation {
        StepExplanation(
            what: "connects as a client does, commits a row and reads it back, and holds settings, disks, processor and network against the spec",
            why: "a promise that nobody measured is none",
            byHand: ["pgkvm verify \(context.spec.name)"])
    }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let fact = try await context.journal.fact(VerifiedFact.self) else { return .pending }
        return .satisfied("\(fact.checks) checks at \(fact.time)")
    }

    func perform(_ context: DeploymentContext) async throws {
        let report = try await context.verify(VerificationOptions(depth: .quick)) { StepProgress.report("checking: \($0)") }
        let failed = report.findings.filter { $0.level == .fail }
        guard failed.isEmpty else {
            let lines = failed.map { "\($0.check): \($0.measured); expected \($0.expected)" }.joined(separator: "\n    ")
            throw Failure(
                .checksFailed, "\(failed.count == 1 ? "1 check" : "\(failed.count) checks") failed:\n    \(lines)", remedy: failed.compactMap(\.remedy).first)
        }
        try await context.journal.record(VerifiedFact(time: report.time, checks: report.findings.count))
        // The remaining files in the directory of an adopted disk are a second copy of its secrets.
        if let adopt = context.spec.dataDisk.adopt { try KeptData.removeRemains(adopt) }
    }

    func revert(_ context: DeploymentContext) async throws { try await context.journal.forget(VerifiedFact.self) }
}

extension Failure.Code {
    /// The appliance exists, and something about it is not as the spec asks.
    package static let checksFailed = Failure.Code("verify.failed")
}

/// What happens to the work of a run that fails or is cancelled.
package enum OnError: String, CaseIterable, Sendable {
    /// Everything stays; the same command continues from there.
    case keep
    /// What the run started is undone.
    case revert
    /// The user is asked.
    case ask
}

package enum GateDecision: Sendable, Equatable {
    case run
    /// Leaves the step out without inspecting it, and continues with the next.
    case skip
    /// Ends the run before the step, like a cancellation.
    case stop
}

package enum FailureDecision: Sendable, Equatable {
    case keep, revert
    /// Runs the failed step again, from its `inspect`; the gate is not asked a second time whether to run it.
    case retry
}

/// Decides whether steps run and what happens after a failure: unattended, guided, or as a test requires.
package protocol Gate: Sendable {
    /// Asked before the step is inspected. An error counts as a failure of the step.
    func shouldRun(_ step: StepSummary) async throws -> GateDecision
    /// Asked once the evidence of the failure is saved. When the task is cancelled meanwhile, the run ends as cancelled,
    /// and `.revert` still reverts.
    func afterFailure(_ step: StepSummary, error: any Error) async -> FailureDecision
    /// Whether a cancelled run undoes what it started; false unless the gate says otherwise.
    var revertsWhenCancelled: Bool { get }
}

extension Gate {
    package var revertsWhenCancelled: Bool { false }
}

/// Runs every step and handles failures by a fixed policy.
package struct UnattendedGate: Gate {
    private let onError: OnError

    /// - Parameter onError: `ask` means `keep`, since there is no user to ask.
    package init(onError: OnError) { self.onError = onError }

    package func shouldRun(_ step: StepSummary) -> GateDecision { .run }

    package func afterFailure(_ step: StepSummary, error: any Error) -> FailureDecision { onError == .revert ? .revert : .keep }

    package var revertsWhenCancelled: Bool { onError == .revert }
}

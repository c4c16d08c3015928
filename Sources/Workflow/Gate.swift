/// What becomes of the work of a run that fails or is cancelled.
package enum OnError: String, CaseIterable, Sendable {
    /// Everything stays; the same command carries on from there.
    case keep
    /// What the run started is undone.
    case revert
    /// Whoever watches is asked.
    case ask
}

package enum GateDecision: Sendable, Equatable {
    case run
    /// Leaves the step out, uninspected, and goes on with the next.
    case skip
    /// Ends the run before the step, as a cancellation does.
    case stop
}

package enum FailureDecision: Sendable, Equatable {
    case keep, revert
    /// Runs the failed step again, from its `inspect`; the gate is not asked for it a second time.
    case retry
}

/// Decides whether steps run and what happens after a failure: unattended, guided, or as a test wants it.
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

/// Runs every step and answers failures by a fixed policy.
package struct UnattendedGate: Gate {
    private let onError: OnError

    /// - Parameter onError: `ask` means `keep`, since nobody is there to be asked.
    package init(onError: OnError) { self.onError = onError }

    package func shouldRun(_ step: StepSummary) -> GateDecision { .run }

    package func afterFailure(_ step: StepSummary, error: any Error) -> FailureDecision { onError == .revert ? .revert : .keep }

    package var revertsWhenCancelled: Bool { onError == .revert }
}

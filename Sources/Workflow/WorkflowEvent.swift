/// What a run reports to its observers, in the order in which it happens.
package enum WorkflowEvent: Sendable {
    case runStarted(steps: [StepSummary])
    /// `perform` begins; its start is already in the journal.
    case stepStarted(StepSummary)
    /// There was nothing to do.
    case stepSatisfied(StepSummary, reason: String)
    /// The gate left the step out.
    case stepSkipped(StepSummary)
    case stepProgress(StepID, ProgressMessage)
    /// - duration: the time for inspecting and performing, in this run.
    case stepFinished(StepSummary, duration: Duration)
    case stepFailed(StepSummary, error: any Error)
    /// The run was cancelled, or stopped by the gate, at this step.
    case stepCancelled(StepSummary)
    case stepReverting(StepSummary)
    case stepReverted(StepSummary)
    /// The remaining steps are still reverted.
    case stepRevertFailed(StepSummary, error: any Error)
    /// Something that does not stop the run: a repaired journal, an entry that could not be written after a failure.
    case warning(String)
    case runFinished(RunOutcome)
}

/// Receives the events of a run. Called from the run itself: it must return quickly.
package protocol EventSink: Sendable {
    func receive(_ event: WorkflowEvent)
}

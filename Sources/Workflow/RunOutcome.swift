/// How a run ended and what it did.
package struct RunOutcome: Sendable {
    package enum Result: Sendable {
        case completed
        case failed(step: StepID, error: any Error)
        /// The task was cancelled, or the gate said `.stop`, at this step.
        case cancelled(step: StepID)

        /// `completed`, `failed` or `cancelled`, in the journal and in events.
        package var name: String {
            switch self {
            case .completed: "completed"
            case .failed: "failed"
            case .cancelled: "cancelled"
            }
        }
    }

    package var result: Result
    /// Steps whose `perform` finished, in order; includes those that were reverted afterwards.
    package var performed: [StepID]
    /// Steps that the gate left out.
    package var skipped: [StepID]
    /// Time spent inspecting and performing each step that the run reached, the sum of all attempts, in order. Waiting for
    /// the gate, saving evidence and reverting do not count.
    package var durations: [(step: StepID, duration: Duration)]
    /// Whether any `perform` began. False for a run in which all work was already done.
    package var changed: Bool
    /// Whether the run undid everything that it had begun.
    package var reverted: Bool
    /// The steps that could not be undone, with the reasons, newest first.
    package var revertFailures: [(step: StepID, error: any Error)]

    package init(
        result: Result, performed: [StepID] = [], skipped: [StepID] = [], durations: [(step: StepID, duration: Duration)] = [],
        changed: Bool = false, reverted: Bool = false, revertFailures: [(step: StepID, error: any Error)] = []
    ) {
        self.result = result
        self.performed = performed
        self.skipped = skipped
        self.durations = durations
        self.changed = changed
        self.reverted = reverted
        self.revertFailures = revertFailures
    }
}

/// Takes a list of steps through inspect and perform, in order.
///
/// The result of a step's `inspect` is authoritative; the journal is a hint for people and carries the facts. A run that finds
/// every step satisfied leaves the journal as it is.
package struct Runner<Context: Sendable>: Sendable {
    /// Saves information that explains a failure, before anything is undone.
    package typealias Evidence = @Sendable (Context, StepID, any Error) async -> Void

    let steps: [any Step<Context>]
    let journal: Journal
    let gate: any Gate
    let sink: any EventSink
    let evidence: Evidence?
    let clock: any Clock<Duration>

    /// - Parameters:
    ///   - evidence: called after a failure, before the gate is asked, and after a cancellation that will be reverted.
    ///   - clock: measures the steps.
    package init(
        steps: [any Step<Context>], journal: Journal, gate: any Gate, sink: any EventSink, evidence: Evidence? = nil,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.steps = steps
        self.journal = journal
        self.gate = gate
        self.sink = sink
        self.evidence = evidence
        self.clock = clock
    }

    /// The steps with their explanations, in order.
    package func summaries(_ context: Context) -> [StepSummary] { steps.indices.map { summary($0, context) } }

    /// Runs the steps. Cancelling the task ends the run as `.cancelled`; it does not interrupt saving evidence and reverting.
    package func run(_ context: Context) async -> RunOutcome {
        var run = Run(runner: self, context: context)
        let outcome = await run.toEnd()
        sink.receive(.runFinished(outcome))
        return outcome
    }

    func summary(_ index: Int, _ context: Context) -> StepSummary {
        let step = steps[index]
        return StepSummary(
            id: step.id, title: step.title, position: index + 1, count: steps.count, explanation: step.explanation(context))
    }

    /// Runs a part of a step, and sends its progress messages to the sink.
    func listening<Value>(to step: StepID, _ body: () async throws -> Value) async rethrows -> Value {
        let sink = sink
        return try await StepProgress.$listener.withValue({ sink.receive(.stepProgress(step, $0)) }, operation: body)
    }
}

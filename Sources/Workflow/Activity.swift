extension EventSink {
    /// Performs work outside a scenario, and reports it in the same way as a step: its `StepProgress` messages, its
    /// duration, and how it ended. There is no journal, no one is asked, and nothing is undone.
    package func activity<Value>(
        _ id: String, _ title: String, position: Int = 1, of count: Int = 1, _ body: () async throws -> Value
    ) async throws -> Value {
        let step = StepSummary(
            id: StepID(rawValue: id), title: title, position: position, count: count, explanation: StepExplanation(what: title, why: ""))
        let start = ContinuousClock.now
        receive(.stepStarted(step))
        do {
            let value = try await StepProgress.$listener.withValue({ receive(.stepProgress(step.id, $0)) }, operation: body)
            receive(.stepFinished(step, duration: .now - start))
            return value
        } catch {
            receive(Task.isCancelled ? .stepCancelled(step) : .stepFailed(step, error: error))
            throw error
        }
    }
}

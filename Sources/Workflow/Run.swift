internal import Basics

/// One run of a `Runner`, with the state that it collects.
struct Run<Context: Sendable> {
    private let runner: Runner<Context>
    private let context: Context
    private var outcome = RunOutcome(result: .completed)
    /// The steps whose `perform` began, oldest first.
    private var begun: [Int] = []
    private var isJournalled = false

    init(runner: Runner<Context>, context: Context) {
        self.runner = runner
        self.context = context
    }

    private enum Attempt {
        case passed
        case failed(any Error)
        /// Cancelled, or stopped by the gate; the error is the one that an interrupted `perform` threw.
        case stopped((any Error)?)
    }

    mutating func toEnd() async -> RunOutcome {
        for warning in await runner.journal.warnings { runner.sink.receive(.warning(warning)) }
        runner.sink.receive(.runStarted(steps: runner.summaries(context)))
        outcome.result = await result()
        if isJournalled { await note(.runFinished, .init(result: outcome.result.name)) }
        return outcome
    }

    private mutating func result() async -> RunOutcome.Result {
        var ids: Set<StepID> = []
        for step in runner.steps where !ids.insert(step.id).inserted {
            let error = Failure(.duplicateStep, "two steps are named '\(step.id)': the journal could not tell them apart")
            return .failed(step: step.id, error: error)
        }
        for index in runner.steps.indices {
            if let end = await pass(index) { return end }
        }
        return .completed
    }

    /// Takes one step to its end, with any number of retries.
    /// - Returns: how the run ends; nil when the next step may follow.
    private mutating func pass(_ index: Int) async -> RunOutcome.Result? {
        let summary = runner.summary(index, context)
        var asksGate = true
        while true {
            switch await attempt(index, summary, asksGate: asksGate) {
            case .passed:
                return nil
            case .stopped(let error):
                return await stop(summary, error: error)
            case .failed(let error):
                await noteFailure(of: summary.id, "\(error)")
                runner.sink.receive(.stepFailed(summary, error: error))
                await saveEvidence(summary.id, error)
                let decision = await runner.gate.afterFailure(summary, error: error)
                if Task.isCancelled {
                    runner.sink.receive(.stepCancelled(summary))
                    if decision == .revert || runner.gate.revertsWhenCancelled { await revert() }
                    return .cancelled(step: summary.id)
                }
                guard decision == .retry else {
                    if decision == .revert { await revert() }
                    return .failed(step: summary.id, error: error)
                }
                asksGate = false
            }
        }
    }

    private mutating func attempt(_ index: Int, _ summary: StepSummary, asksGate: Bool) async -> Attempt {
        let (runner, context, step) = (runner, context, runner.steps[index])
        var isPerforming = false
        do {
            try Task.checkCancellation()
            if asksGate {
                switch try await runner.gate.shouldRun(summary) {
                case .run: break
                case .stop: return .stopped(nil)
                case .skip:
                    outcome.skipped.append(step.id)
                    runner.sink.receive(.stepSkipped(summary))
                    return .passed
                }
                try Task.checkCancellation()
            }
            let elapsed = stopwatch(runner.clock)
            defer { addDuration(elapsed(), to: step.id) }
            if case .satisfied(let reason) = try await runner.listening(to: step.id, { try await step.inspect(context) }) {
                runner.sink.receive(.stepSatisfied(summary, reason: reason))
                return Task.isCancelled ? .stopped(nil) : .passed
            }
            try Task.checkCancellation()
            try await write(.stepStarted, .init(step: step.id))
            if !begun.contains(index) { begun.append(index) }
            outcome.changed = true
            isPerforming = true
            runner.sink.receive(.stepStarted(summary))
            try await runner.listening(to: step.id) { try await step.perform(context) }
            let duration = elapsed()
            try await write(.stepFinished, .init(step: step.id, durationMilliseconds: Int(clamping: duration.wholeMilliseconds)))
            outcome.performed.append(step.id)
            runner.sink.receive(.stepFinished(summary, duration: duration))
            return Task.isCancelled ? .stopped(nil) : .passed
        } catch {
            return Task.isCancelled ? .stopped(isPerforming ? error : nil) : .failed(error)
        }
    }

    private mutating func stop(_ summary: StepSummary, error: (any Error)?) async -> RunOutcome.Result {
        if error != nil { await noteFailure(of: summary.id, "cancelled") }
        runner.sink.receive(.stepCancelled(summary))
        if runner.gate.revertsWhenCancelled {
            if !begun.isEmpty { await saveEvidence(summary.id, error ?? CancellationError()) }
            await revert()
        }
        return .cancelled(step: summary.id)
    }

    private func saveEvidence(_ step: StepID, _ error: any Error) async {
        guard let evidence = runner.evidence else { return }
        await withoutCancellation { [context] in await evidence(context, step, error) }
    }

    // MARK: Reverting

    /// Undoes what this run began, newest first; what already existed is left alone.
    private mutating func revert() async {
        outcome.revertFailures = await withoutCancellation { [self, begun] in
            var failures: [(step: StepID, error: any Error)] = []
            for index in begun.reversed() {
                let (summary, step) = (runner.summary(index, context), runner.steps[index])
                runner.sink.receive(.stepReverting(summary))
                do {
                    try await runner.listening(to: step.id) { try await step.revert(context) }
                    await note(.stepReverted, .init(step: step.id))
                    runner.sink.receive(.stepReverted(summary))
                } catch {
                    await note(.stepRevertFailed, .init(step: step.id, message: "\(error)"))
                    runner.sink.receive(.stepRevertFailed(summary, error: error))
                    failures.append((step.id, error))
                }
            }
            return failures
        }
        outcome.reverted = outcome.revertFailures.isEmpty
    }

    // MARK: Journal

    /// Writes an entry. Before the first entry it writes that the run started: a run that has nothing to do leaves no trace.
    private mutating func write(_ kind: JournalEntry.Kind, _ details: JournalEntry.Details) async throws {
        if !isJournalled {
            try await runner.journal.append(.runStarted)
            isJournalled = true
        }
        try await runner.journal.append(kind, details)
    }

    private mutating func noteFailure(of step: StepID, _ message: String) async {
        do {
            try await write(.stepFailed, .init(step: step, message: message))
        } catch {
            warnOfLostEntry(.stepFailed, error)
        }
    }

    /// Writes an entry that need not be durable for the run to continue.
    private func note(_ kind: JournalEntry.Kind, _ details: JournalEntry.Details) async {
        do {
            try await runner.journal.append(kind, details)
        } catch {
            warnOfLostEntry(kind, error)
        }
    }

    private func warnOfLostEntry(_ kind: JournalEntry.Kind, _ error: any Error) {
        runner.sink.receive(.warning("cannot write '\(kind.rawValue)' to the journal: \(error)"))
    }

    private mutating func addDuration(_ duration: Duration, to step: StepID) {
        if let index = outcome.durations.firstIndex(where: { $0.step == step }) {
            outcome.durations[index].duration += duration
        } else {
            outcome.durations.append((step, duration))
        }
    }
}

/// Runs something that must finish even if the surrounding task is cancelled: in a cancelled task every sleep and wait throws.
private func withoutCancellation<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
    await Task { await body() }.value
}

/// - Returns: a closure that returns the time since this call.
private func stopwatch<C: Clock<Duration>>(_ clock: C) -> () -> Duration {
    let start = clock.now
    return { start.duration(to: clock.now) }
}

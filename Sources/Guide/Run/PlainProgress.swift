internal import Synchronization
package import Workflow

/// A run as lines that stay: for whoever has the screen read aloud.
package final class PlainProgress: EventSink {
    private let terminal: any GuideTerminal
    private let lastLine = Mutex(ContinuousClock.now)
    /// How often a step that works says what it does.
    private static let interval = Duration.seconds(10)

    package init(_ terminal: any GuideTerminal) { self.terminal = terminal }

    package func receive(_ event: WorkflowEvent) {
        switch event {
        case .stepStarted(let step): show("\(name(step)): begins.")
        case .stepSatisfied(let step, let reason): show("\(name(step)): there already, \(reason).")
        case .stepSkipped(let step): show("\(name(step)): left out.")
        case .stepProgress(_, let message): progress(message.text)
        case .stepFinished(let step, let duration): show("\(name(step)): done after \(duration.components.seconds) seconds.")
        case .stepReverting(let step): show("\(name(step)): is undone.")
        case .warning(let message): show("Warning: \(message)")
        case .runStarted, .stepFailed, .stepCancelled, .stepReverted, .stepRevertFailed, .runFinished: break
        }
    }

    private func name(_ step: StepSummary) -> String { "Step \(step.position) of \(step.count), \(step.title)" }

    private func show(_ text: String) {
        lastLine.withLock { $0 = .now }
        terminal.show(TextLines.shown(text))
    }

    private func progress(_ message: String) {
        let isDue = lastLine.withLock { last in
            guard ContinuousClock.now - last >= Self.interval else { return false }
            last = .now
            return true
        }
        if isDue { terminal.show(TextLines.shown(message)) }
    }
}

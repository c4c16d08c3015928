internal import ApplianceModel
internal import Deployment
internal import HostSystem
internal import Synchronization
internal import Workflow

/// Shows a run: one line a step; on a terminal what happens meanwhile too, elsewhere now and then a line.
final class ProgressRenderer: EventSink {
    private struct State {
        var step = ""
        var lastLine = ContinuousClock.now
    }
    private let state = Mutex(State())
    /// How often a log that is no terminal gets a line while a step works.
    private static let plainInterval = Duration.seconds(5)

    func receive(_ event: WorkflowEvent) {
        switch event {
        case .stepStarted(let step):
            let text = "[\(step.position)/\(step.count)] \(step.title)"
            state.withLock { $0 = State(step: text) }
            Terminal.isErrorTTY ? Terminal.status(text) : Terminal.error(text)
        case .stepSatisfied(let step, let reason):
            finishLine("[\(step.position)/\(step.count)] \(step.title): \(reason)")
        case .stepProgress(_, let message):
            progress(message)
        case .stepFinished(let step, let duration):
            finishLine("[\(step.position)/\(step.count)] \(step.title): done (\(duration.formattedSeconds))")
        case .stepReverting(let step):
            Terminal.error("undoing: \(step.title)")
        case .warning(let message):
            finishLine("warning: \(message)")
        case .runStarted, .stepSkipped, .stepFailed, .stepCancelled, .stepReverted, .stepRevertFailed, .runFinished: break
        }
    }

    /// Ends a line that is still being rewritten.
    func finish() { if Terminal.isErrorTTY { Terminal.status("") } }

    private func progress(_ message: String) {
        let line: String? = state.withLock { state in
            if Terminal.isErrorTTY { return "\(state.step): \(message)" }
            guard ContinuousClock.now - state.lastLine >= Self.plainInterval else { return nil }
            state.lastLine = .now
            return "    \(message)"
        }
        guard let line else { return }
        Terminal.isErrorTTY ? Terminal.status(line) : Terminal.error(line)
    }

    private func finishLine(_ text: String) {
        if Terminal.isErrorTTY { Terminal.status("") }
        Terminal.error(text)
    }
}

/// Asks on the terminal what to do with a failed step.
struct AskingGate: Gate {
    func shouldRun(_ step: StepSummary) -> GateDecision { .run }

    func afterFailure(_ step: StepSummary, error: any Error) async -> FailureDecision {
        Terminal.error("\n\(step.id): " + FailureText.render(error))
        while let answer = Terminal.ask("[k]eep what is there, [r]etry, or [u]ndo? ") {
            switch answer.lowercased() {
            case "k", "keep", "": return .keep
            case "r", "retry": return .retry
            case "u", "undo", "revert": return .revert
            default: continue
            }
        }
        return .keep
    }
}

/// What each step took, and what the tool itself did besides waiting.
enum TimingsText {
    static func render(_ outcome: RunOutcome, wall: Duration, waiting: Duration) -> String {
        var rows = outcome.durations.map { [$0.step.rawValue, $0.duration.formattedSeconds] }
        if let commit = outcome.firstCommit { rows.append(["until the first verified commit", commit.formattedSeconds]) }
        rows.append(["total", wall.formattedSeconds])
        rows.append(["waiting for programs, guest, SSH and PostgreSQL", waiting.formattedSeconds])
        rows.append(["the tool itself", (wall - waiting).formattedSeconds])
        rows.append(["its peak memory", "\(HostMemory.peakOfThisProcess.mebibytes) MiB"])
        return Table.render(rows)
    }
}

extension Duration {
    /// Seconds with a tenth, such as `12.3 s`.
    var formattedSeconds: String {
        let tenths = (components.seconds * 10) + components.attoseconds / 100_000_000_000_000_000
        return "\(tenths / 10).\(tenths % 10) s"
    }
}

internal import Deployment
internal import Terminal
internal import Workflow

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

internal import Basics
package import HostSystem
package import Workflow

/// An event as a line of the debug log.
package struct EventRecord: Sendable {
    package let level: DebugLog.Level
    package let text: String

    private init(_ level: DebugLog.Level, _ text: String) {
        self.level = level
        self.text = text
    }

    package init(_ event: WorkflowEvent) {
        switch event {
        case .runStarted(let steps): self.init(.info, "run of \(steps.count) steps")
        case .stepStarted(let step): self.init(.info, "step \(step.id) begins")
        case .stepSatisfied(let step, let reason): self.init(.info, "step \(step.id) has nothing to do: \(reason)")
        case .stepSkipped(let step): self.init(.info, "step \(step.id) is left out")
        case .stepProgress(let step, let message): self.init(.debug, "step \(step): \(message.text)")
        case .stepFinished(let step, let duration): self.init(.info, "step \(step.id) is done, \(duration.wholeMilliseconds) ms")
        case .stepFailed(let step, let error): self.init(.error, "step \(step.id) failed: \(FailureText.render(error))")
        case .stepCancelled(let step): self.init(.warning, "step \(step.id) was interrupted")
        case .stepReverting(let step): self.init(.info, "step \(step.id) is being undone")
        case .stepReverted(let step): self.init(.info, "step \(step.id) was undone")
        case .stepRevertFailed(let step, let error): self.init(.error, "step \(step.id) could not be undone: \(FailureText.render(error))")
        case .warning(let message): self.init(.warning, message)
        case .runFinished(let outcome): self.init(.info, "run \(outcome.result.name)")
        }
    }
}

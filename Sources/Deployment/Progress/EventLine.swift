internal import Basics
internal import FoundationEssentials
package import Workflow

/// One line of `--progress json`: what happened, as a JSON object. Its keys are API (docs/internals.md).
package struct EventLine: Encodable, Sendable {
    private let event: String
    private let time: String
    private var step: String?
    private var title: String?
    private var position: Int?
    private var count: Int?
    private var steps: [PlannedStep]?
    private var reason: String?
    private var level: String?
    private var message: String?
    private var bytes: Int64?
    private var totalBytes: Int64?
    private var durationMilliseconds: Int64?
    private var result: String?
    private var changed: Bool?
    private var reverted: Bool?
    private var error: FailureReport?

    private struct PlannedStep: Encodable, Sendable {
        let step: String
        let title: String
    }

    private init(_ event: String, at time: Date) {
        self.event = event
        self.time = time.ISO8601Format(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    private init(_ event: String, at time: Date, of step: StepSummary) {
        self.init(event, at: time)
        self.step = step.id.rawValue
        title = step.title
        position = step.position
        count = step.count
    }

    /// The line for an event of a run.
    package init(_ event: WorkflowEvent) {
        let time = Date.now
        switch event {
        case .runStarted(let steps):
            self.init("runStarted", at: time)
            self.steps = steps.map { PlannedStep(step: $0.id.rawValue, title: $0.title) }
        case .stepStarted(let step): self.init("stepStarted", at: time, of: step)
        case .stepSatisfied(let step, let reason):
            self.init("stepSatisfied", at: time, of: step)
            self.reason = reason
        case .stepSkipped(let step): self.init("stepSkipped", at: time, of: step)
        case .stepProgress(let step, let message):
            self.init("stepProgress", at: time)
            self.step = step.rawValue
            self.message = message.text
            bytes = message.bytes
            totalBytes = message.totalBytes
        case .stepFinished(let step, let duration):
            self.init("stepFinished", at: time, of: step)
            durationMilliseconds = duration.wholeMilliseconds
        case .stepFailed(let step, let error):
            self.init("stepFailed", at: time, of: step)
            self.error = FailureReport(error)
        case .stepCancelled(let step): self.init("stepCancelled", at: time, of: step)
        case .stepReverting(let step): self.init("stepReverting", at: time, of: step)
        case .stepReverted(let step): self.init("stepReverted", at: time, of: step)
        case .stepRevertFailed(let step, let error):
            self.init("stepRevertFailed", at: time, of: step)
            self.error = FailureReport(error)
        case .warning(let message): self.init(.warning, message)
        case .runFinished(let outcome):
            self.init("runFinished", at: time)
            result = outcome.result.name
            changed = outcome.changed
            reverted = outcome.reverted
        }
    }

    /// The kinds of message that come from the command itself.
    package enum MessageKind: String, Sendable {
        case warning
        /// Other information for the user, such as what was left behind.
        case note
    }

    package init(_ kind: MessageKind, _ message: String) {
        self.init(kind.rawValue, at: .now)
        self.message = message
    }

    /// A line of the debug log.
    package init(log message: String, level: String) {
        self.init("log", at: .now)
        self.level = level
        self.message = message
    }

    /// The end of a command that failed.
    /// - Parameter step: the step that failed, if there was a run.
    package init(error: any Error, at step: StepID? = nil) {
        self.init("error", at: .now)
        self.step = step?.rawValue
        self.error = FailureReport(error)
    }

    /// The end of a command that was interrupted.
    /// - Parameter step: the step that was interrupted, if there was a run.
    package static func interrupted(at step: StepID? = nil) -> EventLine {
        var line = EventLine("interrupted", at: .now)
        line.step = step?.rawValue
        return line
    }

    /// The object on one line, with sorted keys. Members without a value are left out.
    package var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { preconditionFailure("strings and numbers can always be encoded") }
        return String(decoding: data, as: UTF8.self)
    }
}

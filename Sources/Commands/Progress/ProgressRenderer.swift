internal import Deployment
internal import HostSystem
internal import Terminal
internal import Workflow

/// Standard error of a command: its progress, warnings, the requested lines of the debug log, and its failure.
final class ProgressRenderer: EventSink {
    /// The renderer of the running command.
    @TaskLocal static var current = ProgressRenderer()

    private enum Form {
        case lines(ProgressLines)
        case json
        case none
    }
    private let form: Form
    private let isQuiet: Bool
    /// The lowest level of debug log lines to show; nil shows none.
    private let shownLevel: DebugLog.Level?

    init(_ mode: ProgressMode = .auto, quiet: Bool = false, verbosity: Int = 0) {
        isQuiet = quiet
        shownLevel = verbosity == 0 ? nil : verbosity == 1 ? .info : .debug
        form =
            switch mode {
            case _ where quiet: .none
            case .auto: .lines(ProgressLines(rewrites: Terminal.rewritesLines))
            case .plain: .lines(ProgressLines(rewrites: false))
            case .json: .json
            case .none: .none
            }
    }

    convenience init(_ options: ProgressOptions) { self.init(options.mode, quiet: options.quiet, verbosity: options.verbosity) }

    func receive(_ event: WorkflowEvent) {
        let record = EventRecord(event)
        DebugLog.current?.write(record.level, record.text, echoes: false)
        if case .stepProgress(_, let message) = event { ServiceStatus.tell(message.text) }
        switch form {
        case .lines(let lines): lines.receive(event)
        case .json: Terminal.errorDocument(EventLine(event).text)
        case .none: if case .warning(let text) = event, !isQuiet { Terminal.error("warning: \(text)") }
        }
    }

    /// Prints a warning about something that needs attention although the command succeeded.
    func warn(_ text: String) { receive(.warning(text)) }

    /// Prints additional information besides the result.
    func note(_ text: String) {
        guard !isQuiet else { return }
        say(text) { EventLine(.note, text) }
    }

    /// Reports how the command failed; this appears in every form.
    /// - Parameter step: the step that failed, if there was a run.
    func fail(at step: StepID? = nil, _ error: any Error) {
        let text = (step.map { "\($0): " } ?? "") + FailureText.render(error)
        DebugLog.current?.write(.error, text, echoes: false)
        ServiceStatus.tell(text)
        say(text) { EventLine(error: error, at: step) }
    }

    /// Reports that the command was interrupted.
    /// - Parameter step: the step that was interrupted, if there was a run.
    func interrupted(at step: StepID? = nil) {
        let text = "interrupted" + (step.map { " at '\($0)'" } ?? "")
        DebugLog.current?.write(.warning, text, echoes: false)
        say(text) { .interrupted(at: step) }
    }

    /// Shows a line of the debug log if such lines were requested.
    func show(_ level: DebugLog.Level, _ text: String) {
        guard let shownLevel, level >= shownLevel else { return }
        say("\(level): \(text)") { EventLine(log: text, level: "\(level)") }
    }

    /// Ends a line that is still being rewritten.
    func finish() { if case .lines(let lines) = form { lines.finish() } }

    private func say(_ text: String, line: () -> EventLine) {
        switch form {
        case .lines(let lines): lines.print(text)
        case .json: Terminal.errorDocument(line().text)
        case .none: Terminal.error(text)
        }
    }
}

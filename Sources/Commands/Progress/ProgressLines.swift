internal import Synchronization
internal import Terminal
internal import Workflow

/// Progress as text: each step ends with a line. Until then, one line is rewritten with the current event and the time that the step has taken. If
/// lines cannot be rewritten, a line is printed now and then.
///
/// Work that is not part of a scenario gets no line in its first two seconds.
final class ProgressLines: Sendable {
    private struct State {
        var isScenario = false
        var step: Step?
        /// Calls `tick` while a step works.
        var ticker: Task<Void, Never>?
    }
    private struct Step {
        let id: StepID
        let label: String
        let start = ContinuousClock.now
        var message: String?
        /// When a line about it was last printed; nil if none was.
        var lastLine: ContinuousClock.Instant?
        var saidMessage: String?

        var elapsed: Duration { .now - start }
    }
    private let state = Mutex(State())
    private let rewrites: Bool

    /// How long work may take before a line appears.
    private static let patience = Duration.seconds(2)
    /// How often a step gets a plain line with news, and how often one without news.
    private static let interval = Duration.seconds(5)
    private static let heartbeat = Duration.seconds(30)

    init(rewrites: Bool) { self.rewrites = rewrites }

    func receive(_ event: WorkflowEvent) {
        state.withLock { state in
            switch event {
            case .runStarted: state.isScenario = true
            case .stepStarted(let step): begin(step, &state)
            case .stepSatisfied(let step, let reason): line("\(Self.label(step)): \(reason)", &state)
            case .stepProgress(let id, let message): say(message.text, of: id, &state)
            case .stepFinished(let step, let duration):
                let isWorthIt = state.isScenario || state.step?.lastLine != nil || duration >= Self.patience
                end(&state)
                if isWorthIt { line("\(Self.label(step)): done (\(duration.formattedSeconds))", &state) }
            case .stepFailed, .stepCancelled: end(&state)
            case .stepReverting(let step): line("undoing: \(step.title)", &state)
            case .warning(let text): line("warning: \(text)", &state)
            case .stepSkipped, .stepReverted, .stepRevertFailed, .runFinished: break
            }
        }
    }

    /// Prints a separate line, whatever is being shown.
    func print(_ text: String) { state.withLock { line(text, &$0) } }

    /// Ends a line that is still being rewritten.
    func finish() {
        state.withLock { state in
            end(&state)
            state.ticker?.cancel()
            state.ticker = nil
        }
    }

    private func begin(_ step: StepSummary, _ state: inout State) {
        state.step = Step(id: step.id, label: Self.label(step))
        if rewrites {
            draw(state)
        } else if state.isScenario {
            state.step?.lastLine = .now
            Terminal.error(Self.label(step))
        }
        if state.ticker == nil {
            state.ticker = Task { [weak self] in
                while !Task.isCancelled {
                    try? await ContinuousClock().sleep(for: .seconds(1))
                    self?.tick()
                }
            }
        }
    }

    private func end(_ state: inout State) {
        if rewrites, state.step != nil { Terminal.status("") }
        state.step = nil
    }

    private func say(_ text: String, of id: StepID, _ state: inout State) {
        guard state.step?.id == id else { return }
        state.step?.message = Self.printable(text)
        rewrites ? draw(state) : printDue(&state)
    }

    private func tick() {
        state.withLock { state in
            guard state.step != nil else { return }
            rewrites ? draw(state) : printDue(&state)
        }
    }

    private func draw(_ state: State) {
        guard let step = state.step else { return }
        let time = step.elapsed < .seconds(1) ? "" : " \(step.elapsed.components.seconds) s"
        Terminal.status("\(step.label)\(time)\(step.message.map { ": \($0)" } ?? "")")
    }

    /// Prints a plain line when one is due.
    private func printDue(_ state: inout State) {
        guard var step = state.step else { return }
        let now = ContinuousClock.now
        guard let last = step.lastLine else {
            guard step.elapsed >= Self.patience else { return }
            Terminal.error(step.label)
            step.lastLine = now
            state.step = step
            return
        }
        let isNew = step.message != nil && step.message != step.saidMessage
        guard now - last >= (isNew ? Self.interval : Self.heartbeat) else { return }
        Terminal.error("    \(step.message ?? "still at it") (\(step.elapsed.components.seconds) s)")
        step.lastLine = now
        step.saidMessage = step.message
        state.step = step
    }

    private func line(_ text: String, _ state: inout State) {
        if rewrites { Terminal.status("") }
        Terminal.error(text)
        if rewrites { draw(state) }
    }

    private static func label(_ step: StepSummary) -> String { step.count == 1 ? step.title : "[\(step.position)/\(step.count)] \(step.title)" }

    /// Text from a guest may contain control sequences for a terminal.
    private static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) ? " " : $0 }))
    }
}

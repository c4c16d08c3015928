import ApplianceModel
import Deployment
import Synchronization
import Terminal
import Verification

@testable import Guide

/// A terminal whose user has made up their mind: each question is expected, with its answer.
final class ScriptedTerminal: GuideTerminal {
    enum Answer: ExpressibleByStringLiteral {
        case line(String)
        /// Ctrl-D.
        case end
        /// Ctrl-C.
        case interrupt

        init(stringLiteral value: String) { self = .line(value) }
    }

    struct UnexpectedQuestion: Error { let prompt: String, transcript: String }

    private struct State {
        var script: [(prompt: String, answer: Answer)]
        var transcript: [String] = []
        var shells: [String] = []
        var discards = 0
    }
    private let state: Mutex<State>
    let style: TextStyle
    let rows: Int?
    let isPlain: Bool

    /// - Parameter script: the beginning of each question with its answer, in their order.
    init(_ script: [(String, Answer)], columns: Int = 80, rows: Int? = nil, isPlain: Bool = false) {
        state = Mutex(State(script: script.map { (prompt: $0.0, answer: $0.1) }))
        style = TextStyle(columns: columns)
        self.rows = rows
        self.isPlain = isPlain
    }

    /// Everything that was shown and answered.
    var transcript: String { state.withLock { $0.transcript.joined(separator: "\n") } }
    var lines: [String] { transcript.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
    /// Questions that were not asked.
    var rest: [String] { state.withLock { $0.script.map(\.prompt) } }
    var shells: [String] { state.withLock { $0.shells } }
    var discards: Int { state.withLock { $0.discards } }

    func show(_ text: String) { state.withLock { $0.transcript.append(text) } }

    func ask(_ prompt: String) async throws -> String? {
        let answer: Answer = try state.withLock { state in
            guard let next = state.script.first, prompt.hasPrefix(next.prompt) else {
                throw UnexpectedQuestion(
                    prompt: "\(prompt) instead of \(state.script.first?.prompt ?? "none")", transcript: state.transcript.joined(separator: "\n"))
            }
            state.script.removeFirst()
            let text = if case .line(let line) = next.answer { line } else { "^" }
            state.transcript.append(prompt + text)
            return next.answer
        }
        switch answer {
        case .line(let line): return line
        case .end: return nil
        case .interrupt:
            withUnsafeCurrentTask { $0?.cancel() }
            throw CancellationError()
        }
    }

    func discardTypeahead() { state.withLock { $0.discards += 1 } }

    func openShell(in appliance: Appliance) async throws { state.withLock { $0.shells.append(appliance.name.rawValue) } }
}

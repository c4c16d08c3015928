package import SecureShell
internal import Synchronization

/// A command or a file that the test did not expect.
package struct UnexpectedCommand: Error {
    package let text: String

    package init(text: String) { self.text = text }
}

/// A shell that answers from a script, records what it is asked, and fails on anything else.
package final class ScriptedShell: RemoteShell {
    private struct State {
        var script: [String: [Result<ShellResult, any Error>]]
        var commands: [String] = []
        var inputs: [[UInt8]] = []
        var files: [String: (bytes: [UInt8], mode: UInt16)] = [:]
    }
    private let state: Mutex<State>

    /// - Parameter script: the answers to each command's text, in order; the last one is given again.
    package init(_ script: [String: [Result<ShellResult, any Error>]]) { state = Mutex(State(script: script)) }

    package convenience init(_ script: [String: ShellResult]) { self.init(script.mapValues { [.success($0)] }) }

    package var commands: [String] { state.withLock { $0.commands } }
    package var inputs: [[UInt8]] { state.withLock { $0.inputs } }
    /// What was uploaded, by path.
    package var files: [String: [UInt8]] { state.withLock { $0.files.mapValues(\.bytes) } }

    package func run(_ command: ShellCommand, input: [UInt8], timeout: Duration) async throws -> ShellResult {
        try state.withLock { state in
            state.commands.append(command.text)
            state.inputs.append(input)
            guard var answers = state.script[command.text], let answer = answers.first else { throw UnexpectedCommand(text: command.text) }
            if answers.count > 1 {
                answers.removeFirst()
                state.script[command.text] = answers
            }
            return try answer.get()
        }
    }

    package func upload(_ bytes: [UInt8], to path: String, mode: UInt16) async throws {
        state.withLock { $0.files[path] = (bytes, mode) }
    }

    package func download(_ path: String, limit: Int) async throws -> [UInt8] {
        guard let file = state.withLock({ $0.files[path] }) else { throw UnexpectedCommand(text: "download \(path)") }
        return file.bytes
    }
}

internal import ApplianceModel
internal import Basics
internal import HostSystem

/// A program on a terminal of its own, with somebody who reads its screen and presses its keys (tmux).
package struct TerminalScreen: Sendable {
    private let socket: String

    /// Runs a command on a terminal as long as `body` runs.
    package static func with<Value>(
        _ command: [String], columns: Int = 120, rows: Int = 40, _ body: (TerminalScreen) async throws -> Value
    ) async throws -> Value {
        let screen = TerminalScreen(socket: "pgkvm-\(UInt32.random(in: 0 ... .max))")
        try await screen.tmux(["-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)"] + command)
        do {
            let value = try await body(screen)
            await screen.end()
            return value
        } catch {
            await screen.end()
            throw error
        }
    }

    /// Presses keys, named as tmux names them.
    package func press(_ keys: String...) async throws { try await tmux(["send-keys"] + keys) }

    /// Types a text, letter by letter as it stands, and Enter.
    package func type(_ text: String) async throws {
        if !text.isEmpty { try await tmux(["send-keys", "-l", text]) }
        try await tmux(["send-keys", "Enter"])
    }

    /// Gives the window another size.
    package func resize(columns: Int, rows: Int) async throws { try await tmux(["resize-window", "-x", "\(columns)", "-y", "\(rows)"]) }

    /// What the screen shows now; nil when the program has ended.
    package func text() async throws -> String? {
        let result = try await ProgramRunner.run("tmux", ["-L", socket, "capture-pane", "-p"])
        return result.status == 0 ? result.outputText : nil
    }

    /// Waits until the screen shows something.
    /// - Parameter limit: after so long the wait has failed.
    package func waitFor(_ wanted: String, within limit: Duration = .seconds(300)) async throws {
        var last = ""
        let clock = ContinuousClock()
        let shown = try await poll(every: .milliseconds(200), until: clock.now + limit, on: clock) { () -> Bool? in
            guard let text = try await text() else { return false }
            last = text
            return text.contains(wanted) ? true : nil
        }
        guard shown == true else { throw Failure(.timedOut, "the screen does not show '\(wanted)' but:\n\(last)") }
    }

    /// Waits until the program has ended.
    package func waitForEnd() async throws {
        let clock = ContinuousClock()
        let hasEnded = try await poll(every: .milliseconds(200), until: clock.now + .seconds(300), on: clock) {
            try await text() == nil ? true : nil
        }
        guard hasEnded == true else { throw Failure(.timedOut, "the program on the terminal does not end") }
    }

    private func tmux(_ arguments: [String]) async throws { _ = try await ProgramRunner.check("tmux", ["-L", socket] + arguments) }

    /// Ends the program, and waits until it is gone: tmux only tells it to go.
    private func end() async {
        // Nothing to end is an error of tmux's.
        _ = try? await withoutCancellation {
            let panes = try await ProgramRunner.run("tmux", ["-L", socket, "list-panes", "-a", "-F", "#{pane_pid}"])
            _ = try await ProgramRunner.run("tmux", ["-L", socket, "kill-server"])
            for process in panes.outputText.split(separator: "\n").compactMap({ Int32($0) }) {
                _ = try await poll(every: .milliseconds(600), until: .now.advanced(by: .seconds(60)), on: ContinuousClock()) {
                    ProcessTable.exists(process) ? nil : true
                }
            }
        }
    }
}

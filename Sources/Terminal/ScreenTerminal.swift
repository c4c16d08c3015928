internal import Basics
internal import Glibc
internal import Synchronization
internal import SystemPackage

/// Takes over the whole screen of a terminal, and later restores its content, the cursor, and the function of keys.
package enum ScreenTerminal {
    private struct State {
        var saved: termios?
        var isWatchingTheEnd = false
    }
    private static let state = Mutex(State())

    /// Takes over the screen. Keys arrive one by one and are not echoed. Ctrl-C is still a signal. Ctrl-Z does nothing, because a stopped program
    /// would leave the terminal in its current mode.
    /// - Throws: `unsupported` if standard input is not a terminal.
    package static func enter() throws {
        var current = termios()
        guard tcgetattr(STDIN_FILENO, &current) == 0 else {
            throw Failure(.unsupported, "standard input is no terminal", cause: Errno(rawValue: errno))
        }
        let saved = current
        state.withLock { state in
            state.saved = saved
            // A second Ctrl-C ends the program at once, wherever it is.
            if !state.isWatchingTheEnd { atexit { ScreenTerminal.leave() } }
            state.isWatchingTheEnd = true
        }
        current.c_lflag &= ~tcflag_t(ICANON | ECHO)
        withUnsafeMutableBytes(of: &current.c_cc) { keys in
            keys[Int(VMIN)] = 1
            keys[Int(VTIME)] = 0
            keys[Int(VSUSP)] = 0
        }
        tcsetattr(STDIN_FILENO, TCSANOW, &current)
        write("\u{1b}[?1049h\u{1b}[?25l")
    }

    /// Restores the terminal; a second call does nothing.
    package static func leave() {
        let saved = state.withLock { state in
            defer { state.saved = nil }
            return state.saved
        }
        guard var saved else { return }
        write("\u{1b}[?25h\u{1b}[?1049l")
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved)
    }

    /// Shows only these lines, from the top.
    package static func draw(_ lines: [String]) {
        write("\u{1b}[H" + lines.map { $0 + "\u{1b}[K" }.joined(separator: "\r\n") + "\u{1b}[J")
    }

    private static func write(_ text: String) { _ = try? FileDescriptor.standardOutput.writeAll(text.utf8) }
}

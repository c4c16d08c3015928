internal import Basics
package import Dispatch
internal import Glibc
internal import SystemPackage

/// The size of the terminal, and its changes.
package enum TTY {
    package static var size: (columns: Int, rows: Int)? {
        var raw = winsize()
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &raw) == 0 else { return nil }
        return (Int(raw.ws_col), Int(raw.ws_row))
    }

    /// Calls `body` with the new size whenever the window changes.
    package static func onResize(_ body: @escaping @Sendable (Int, Int) -> Void) -> (any DispatchSourceSignal)? {
        guard size != nil else { return nil }
        let source = DispatchSource.makeSignalSource(signal: SIGWINCH, queue: .global())
        source.setEventHandler { if let size { body(size.columns, size.rows) } }
        source.resume()
        return source
    }
}

/// The terminal in raw mode: every key is sent to the other side.
package struct RawTerminal {
    private let saved: termios

    /// - Throws: `unsupported` if standard input is not a terminal.
    package init() throws {
        var state = termios()
        guard tcgetattr(STDIN_FILENO, &state) == 0 else {
            throw Failure(.unsupported, "standard input is no terminal", cause: Errno(rawValue: errno))
        }
        saved = state
        cfmakeraw(&state)
        tcsetattr(STDIN_FILENO, TCSANOW, &state)
    }

    /// Restores the terminal's former mode.
    package func restore() {
        var state = saved
        tcsetattr(STDIN_FILENO, TCSANOW, &state)
    }
}

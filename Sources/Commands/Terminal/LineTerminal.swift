internal import ApplianceModel
internal import Basics
internal import Deployment
internal import Dispatch
internal import Glibc
internal import Guide
internal import HostSystem
internal import SystemPackage
internal import Terminal
internal import Verification

/// The terminal of a guide: it writes and reads lines. The terminal itself edits the typed line, so nothing has to be restored when the program is
/// stopped, and a screen reader knows every key.
final class LineTerminal: GuideTerminal {
    let isPlain: Bool
    private let queue = DispatchQueue(label: "guide-input")
    /// Wakes the wait for a line: its read end is polled together with the keyboard.
    private let wake: (read: Int32, write: Int32)
    // Set once, and used again only when the terminal ends.
    nonisolated(unsafe) private let foreground: any DispatchSourceSignal

    private enum Wake: UInt8 { case cancelled = 1, continued }

    /// - Throws: `unsupported` if no user can be asked.
    init(isPlain: Bool) throws {
        guard Terminal.isInputTTY, Terminal.isErrorTTY else {
            let missing = Terminal.isInputTTY ? "standard error" : "standard input"
            throw Failure(
                .unsupported, "the guide asks questions, and \(missing) is no terminal",
                remedy: "run it in a terminal (over SSH: ssh -t HOST pgkvm guide), or go without questions: pgkvm deploy NAME|spec.yaml")
        }
        self.isPlain = isPlain
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure(.unsupported, "cannot make a pipe", cause: Errno(rawValue: errno)) }
        wake = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        // A user who stops the program (Ctrl-Z) and continues it sees the question again.
        foreground = DispatchSource.makeSignalSource(signal: SIGCONT, queue: .global())
        foreground.setEventHandler { [wake] in Self.send(.continued, to: wake.write) }
        foreground.resume()
    }

    deinit {
        foreground.cancel()
        close(wake.read)
        close(wake.write)
    }

    private var size: (columns: Int, rows: Int)? {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    var style: TextStyle {
        let terminal = EnvironmentVariable.value("TERM") ?? "dumb"
        let wantsNoColor = EnvironmentVariable.value("NO_COLOR").map { !$0.isEmpty } ?? false
        return TextStyle(hasColor: !isPlain && !wantsNoColor && terminal != "dumb", columns: size?.columns ?? 80)
    }

    var rows: Int? { isPlain ? nil : size?.rows }

    func show(_ text: String) { Terminal.error(text, style: style) }

    func ask(_ prompt: String) async throws -> String? {
        try Task.checkCancellation()
        drain()
        Terminal.prompt(prompt, style: style)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.async { continuation.resume(with: Result { try self.line(prompt) }) }
            }
        } onCancel: {
            Self.send(.cancelled, to: wake.write)
        }
    }

    func discardTypeahead() { tcflush(STDIN_FILENO, TCIFLUSH) }

    func openShell(in appliance: Appliance) async throws {
        let status = try await GuestShell.run(in: appliance)
        if status != 0 { show("The shell ended with status \(status).") }
    }

    /// Waits for a line. It reads byte by byte, but the terminal delivers one line at a time.
    private func line(_ prompt: String) throws -> String? {
        var typed: [UInt8] = []
        while true {
            var watched = [pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0), pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0)]
            guard poll(&watched, 2, -1) >= 0 || errno == EINTR else { return nil }
            if watched[1].revents != 0 {
                let reasons = drain()
                if reasons.contains(.cancelled) {
                    Terminal.error("")
                    throw CancellationError()
                }
                // The terminal discards what was typed before the stop.
                if reasons.contains(.continued) {
                    typed = []
                    Terminal.prompt(prompt, style: style)
                }
            }
            guard watched[0].revents != 0 else { continue }
            var byte: UInt8 = 0
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count == 1 else {
                // Ctrl-D leaves the cursor after the question.
                Terminal.error("")
                return nil
            }
            if byte == UInt8(ascii: "\n") { return String(decoding: typed, as: UTF8.self) }
            typed.append(byte)
        }
    }

    /// The events that woke the wait since the last call.
    @discardableResult
    private func drain() -> Set<Wake> {
        var reasons: Set<Wake> = []
        var byte: UInt8 = 0
        while read(wake.read, &byte, 1) == 1 { if let reason = Wake(rawValue: byte) { reasons.insert(reason) } }
        return reasons
    }

    private static func send(_ reason: Wake, to descriptor: Int32) {
        var byte = reason.rawValue
        _ = write(descriptor, &byte, 1)
    }
}

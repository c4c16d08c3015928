internal import ApplianceModel
internal import Dispatch
internal import Glibc
internal import HostSystem
internal import SystemPackage

/// The size of the terminal, and its changes.
enum TTY {
    static var size: (columns: Int, rows: Int)? {
        var raw = winsize()
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &raw) == 0 else { return nil }
        return (Int(raw.ws_col), Int(raw.ws_row))
    }

    /// Calls `body` with the new size whenever the window changes.
    static func onResize(_ body: @escaping @Sendable (Int, Int) -> Void) -> (any DispatchSourceSignal)? {
        guard size != nil else { return nil }
        let source = DispatchSource.makeSignalSource(signal: SIGWINCH, queue: .global())
        source.setEventHandler { if let size { body(size.columns, size.rows) } }
        source.resume()
        return source
    }
}

/// The terminal in raw mode: every key goes to the other side.
struct RawTerminal {
    private let saved: termios

    init() throws {
        var state = termios()
        guard tcgetattr(STDIN_FILENO, &state) == 0 else {
            throw Failure(.unsupported, "standard input is no terminal", cause: Errno(rawValue: errno))
        }
        saved = state
        cfmakeraw(&state)
        tcsetattr(STDIN_FILENO, TCSANOW, &state)
    }

    func restore() {
        var state = saved
        tcsetattr(STDIN_FILENO, TCSANOW, &state)
    }
}

/// Keyboard and screen on a serial console's socket.
enum ConsoleSession {
    /// Ctrl-].
    private static let leave: UInt8 = 0x1d

    static func run(socket path: FilePath) async throws {
        let socket = try await Sockets.connect(to: path, timeout: .seconds(5))
        defer { try? socket.close() }
        let raw = isatty(STDIN_FILENO) == 1 ? try RawTerminal() : nil
        defer { raw?.restore() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                DispatchQueue(label: "console").async { continuation.resume(with: Result { try pump(socket) }) }
            }
        } onCancel: {
            shutdown(socket.rawValue, Int32(SHUT_RDWR))
        }
    }

    private static func pump(_ socket: FileDescriptor) throws {
        var watched = [
            pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0), pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0),
        ]
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            guard poll(&watched, 2, -1) >= 0 || errno == EINTR else { throw Errno(rawValue: errno) }
            if watched[1].revents != 0 {
                let count = read(socket.rawValue, &buffer, buffer.count)
                if count <= 0 { return }
                try FileDescriptor.standardOutput.writeAll(buffer[..<count])
            }
            if watched[0].revents != 0 {
                let count = read(STDIN_FILENO, &buffer, buffer.count)
                if count <= 0 {
                    // Without a keyboard the console is only watched.
                    watched[0].fd = -1
                    continue
                }
                let typed = buffer[..<count].prefix { $0 != leave }
                try socket.writeAll(typed)
                if typed.count < count { return }
            }
        }
    }
}

/// Becoming another program.
enum Execution {
    /// Replaces this process by a program that has its environment, less pgkvm's secrets; returns only by throwing.
    /// - Parameter directory: where the program runs; nil for where this one does.
    static func replace(by program: String, _ arguments: [String], in directory: FilePath? = nil) throws -> Never {
        var words = try [ProgramRunner.find(program).string] + arguments
        let secrets = HostEnvironment.secrets.filter { HostEnvironment.value($0) != nil }
        if !secrets.isEmpty { words = try [ProgramRunner.find("env").string] + secrets.flatMap { ["-u", $0] } + words }
        if let directory, chdir(directory.string) != 0 {
            throw Failure(.fileUnreadable, "cannot enter '\(directory)'", cause: Errno(rawValue: errno))
        }
        let path = words[0]
        var pointers = words.map { strdup($0) }
        pointers.append(nil)
        // An ignored signal stays ignored in the next program.
        for number in [SIGPIPE, SIGINT, SIGTERM] { signal(number, SIG_DFL) }
        // So does a blocked one, and the threads of Dispatch block them all.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        execv(path, pointers)
        throw Failure(.programFailed, "cannot run '\(path)'", cause: Errno(rawValue: errno))
    }
}

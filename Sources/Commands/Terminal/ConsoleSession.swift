internal import Dispatch
internal import Glibc
internal import HostSystem
internal import SystemPackage
internal import Terminal

/// Connects keyboard and screen to the socket of a serial console.
enum ConsoleSession {
    /// The key Ctrl-].
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
                    // Without a keyboard, the console can only be watched.
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

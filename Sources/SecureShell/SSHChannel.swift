internal import ApplianceModel
internal import Basics
internal import CLibSSH2
internal import Glibc

/// A channel of a session, which it keeps alive.
@safe final class SSHChannel {
    enum Stream: Int32 { case output = 0, error = 1 }

    /// libssh2's own defaults, which its header computes in a way that Swift does not import.
    private static let windowSize: UInt32 = 2 << 20
    private static let packetSize: UInt32 = 32 << 10

    let session: SSHSession
    let raw: OpaquePointer
    private var isInputEnded = false
    private var isClosed = false
    private var buffer = [UInt8](repeating: 0, count: 32 << 10)

    /// Opens a channel for a command, a shell or a subsystem.
    init(_ session: SSHSession) throws {
        let kind = "session"
        let opened = unsafe try session.obtain("open a channel") {
            unsafe libssh2_channel_open_ex(
                session.raw, kind, UInt32(kind.utf8.count), Self.windowSize, Self.packetSize, nil, 0)
        }
        unsafe raw = opened
        self.session = session
        session.traffic.memory.exitStatus = nil
    }

    /// If an error left the channel open, its session frees it at the latest.
    deinit { if !isClosed { unsafe libssh2_channel_free(raw) } }

    /// Closes a channel whose command has ended; the channel cannot be used afterwards.
    func close() throws {
        try session.complete("close the channel") { Int(unsafe libssh2_channel_free(raw)) }
        isClosed = true
    }

    /// Starts a command, or the user's shell when there is none.
    func start(_ command: [UInt8]?) throws {
        let request = command == nil ? "shell" : "exec"
        let bytes = command ?? []
        try session.complete("start the command") {
            unsafe bytes.withUnsafeBytes { bytes in
                // An empty text is not the same as none; the request for a shell must have none.
                let text = command == nil ? nil : unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
                return Int(unsafe libssh2_channel_process_startup(raw, request, UInt32(request.utf8.count), text, UInt32(bytes.count)))
            }
        }
    }

    func requestTerminal(_ term: String, columns: Int, rows: Int) throws {
        try session.complete("get a terminal") {
            Int(unsafe libssh2_channel_request_pty_ex(raw, term, UInt32(term.utf8.count), nil, 0, Int32(clamping: columns), Int32(clamping: rows), 0, 0))
        }
    }

    func resizeTerminal(columns: Int, rows: Int) throws {
        try session.complete("resize the terminal") {
            Int(unsafe libssh2_channel_request_pty_size_ex(raw, Int32(clamping: columns), Int32(clamping: rows), 0, 0))
        }
    }

    /// Moves all data that can be moved without waiting, in all three directions: ignoring one stream would stop the other two
    /// as soon as its window is full.
    /// - Parameters:
    ///   - input: the data to send; the part that was sent is removed.
    ///   - isLast: whether nothing follows `input`.
    ///   - take: called with the data that arrived, never empty.
    /// - Returns: whether anything moved, or arrived so that another call may find it.
    func exchange(_ input: inout ArraySlice<UInt8>, isLast: Bool, _ take: (Stream, ArraySlice<UInt8>) throws -> Void) throws -> Bool {
        let before = session.traffic.received
        var moved = false
        if !input.isEmpty {
            let count = try session.attempt("send input to the command") {
                unsafe input.withUnsafeBytes {
                    unsafe libssh2_channel_write_ex(raw, 0, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
                }
            }
            let sent = min(count ?? 0, input.count)
            input.removeFirst(sent)
            moved = sent > 0
        } else if isLast, !isInputEnded {
            if try session.attempt("end the command's input", { Int(unsafe libssh2_channel_send_eof(raw)) }) != nil {
                isInputEnded = true
                moved = true
            }
        }
        for stream in [Stream.output, .error] {
            let count = try session.attempt("read what the command writes") {
                unsafe buffer.withUnsafeMutableBytes {
                    unsafe libssh2_channel_read_ex(raw, stream.rawValue, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
                }
            }
            if let count, count > 0 {
                moved = true
                try take(stream, buffer.prefix(count))
            }
        }
        return moved || session.traffic.received != before
    }

    /// Whether the command has ended. A command may close its output long before; its status arrives only at the channel's end.
    func hasEnded() throws -> Bool {
        guard unsafe libssh2_channel_eof(raw) == 1 else { return false }
        return try session.attempt("wait for the command's end") { Int(unsafe libssh2_channel_wait_closed(raw)) } != nil
    }

    /// The exit status, and the signal that ended the command, without `SIG`.
    /// - Throws: `ssh.connection-lost` when the server reported neither: then it is unknown whether the command did its work.
    func exitStatus(of command: String) throws -> (status: Int32, signal: String?) {
        let status = unsafe libssh2_channel_get_exit_status(raw)
        if let name = exitSignal(), !name.isEmpty { return (128 + (Self.signals[name] ?? 0), String(name.prefix(32))) }
        // libssh2 reports 0 for a status that never arrived, or that it could not read.
        if status == 0, session.traffic.memory.exitStatus != 0 {
            session.abandon()
            throw Failure(
                .sshConnectionLost, "the guest's command '\(command)' ended, and the server did not tell how",
                remedy: "run the command again; if it stays, look at the guest's sshd log")
        }
        return (status, nil)
    }

    private func exitSignal() -> String? {
        var text: UnsafeMutablePointer<CChar>?
        var length = 0
        _ = unsafe libssh2_channel_get_exit_signal(raw, &text, &length, nil, nil, nil, nil)
        guard let text = unsafe text else { return nil }
        defer { unsafe libssh2_free(session.raw, text) }
        return unsafe String(decoding: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self)
    }

    /// The signal names of RFC 4254, and their numbers on Linux.
    private static let signals: [String: Int32] = [
        "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ILL": SIGILL, "ABRT": SIGABRT, "FPE": SIGFPE, "KILL": SIGKILL, "USR1": SIGUSR1,
        "SEGV": SIGSEGV, "USR2": SIGUSR2, "PIPE": SIGPIPE, "ALRM": SIGALRM, "TERM": SIGTERM,
    ]
}

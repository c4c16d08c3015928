internal import ApplianceModel
internal import Basics
internal import CLibSSH2
internal import Glibc
internal import SystemPackage

/// The traffic on a session's socket; libssh2 moves every byte through it.
///
/// libssh2 keeps reading for as long as bytes arrive, so a server that never stops sending would hold a call forever: the limits
/// are therefore enforced here, where the bytes arrive.
final class SSHTraffic {
    private(set) var received = 0
    let memory = SSHMemory()
    /// Whether the socket reached its end or failed: libssh2 hides that behind codes of many kinds.
    fileprivate var isEnded = false
    fileprivate(set) var lastArrival = ContinuousClock.now
    fileprivate var deadline: ContinuousClock.Instant?
    /// The latest time for the server's answer to one request; keepalive messages are not an answer.
    fileprivate var answerDeadline: ContinuousClock.Instant?
    /// The limit on what a server may send before it is verified and the user is logged in; nil afterwards.
    fileprivate var limit: Int? = 256 << 10
    fileprivate var isOverLimit: Bool { limit.map { received > $0 } ?? false }
    /// The earlier of the two deadlines.
    fileprivate var end: ContinuousClock.Instant? { [deadline, answerDeadline].compactMap(\.self).min() }
    fileprivate var isPastDeadline: Bool { end.map { ContinuousClock.now >= $0 } ?? false }

    /// The object that libssh2 was given for its callbacks.
    fileprivate static func of(_ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> SSHTraffic? {
        guard let traffic = unsafe abstract?.pointee else { return nil }
        return unsafe Unmanaged<SSHTraffic>.fromOpaque(traffic).takeUnretainedValue()
    }

    fileprivate func read(_ socket: Int32, _ buffer: UnsafeMutableRawPointer?, _ length: Int, _ flags: Int32) -> Int {
        if isOverLimit || isPastDeadline { return -Int(ECONNABORTED) }
        let count = unsafe recv(socket, buffer, length, flags)
        guard count > 0 else {
            let code = count == 0 ? 0 : errno
            if code != EAGAIN, code != EINTR { isEnded = true }
            return -Int(code)
        }
        received += count
        lastArrival = .now
        return count
    }

    fileprivate func write(_ socket: Int32, _ buffer: UnsafeRawPointer?, _ length: Int, _ flags: Int32) -> Int {
        let count = unsafe send(socket, buffer, length, flags | Int32(MSG_NOSIGNAL))
        guard count < 0 else { return count }
        let code = errno
        if code != EAGAIN, code != EINTR { isEnded = true }
        return -Int(code)
    }
}

/// A libssh2 session and its socket. Used only on the queue of one `SSHConnection`.
///
/// libssh2 runs in its non-blocking mode: each wait is a `poll(2)` here, with the deadline of the operation. When a call
/// is blocked with a half-written packet, libssh2 requires the same call again before any other; `attempt` ensures that.
@safe final class SSHSession {
    let raw: OpaquePointer
    let socket: SSHSocket
    let traffic = SSHTraffic()
    /// The keys that the server may present; compared after every call, because a key exchange may happen at any time.
    private let hostKeys: [HostKey]
    private let answerLimit: Duration
    private var isHostKeyKnown = false
    /// Set when the connection can no longer be used.
    private(set) var isBroken = false
    var fileTransfer: OpaquePointer?

    private static let libraryStatus = libssh2_init(0)
    private static let keepaliveSeconds: Int32 = 5
    private static let silenceLimit = Duration.seconds(60)

    init(socket: SSHSocket, hostKeys: [HostKey], answerLimit: Duration) throws {
        guard Self.libraryStatus == 0 else { throw Failure(.sshProtocol, "libssh2 cannot start (\(Self.libraryStatus))") }
        let abstract = unsafe Unmanaged.passUnretained(traffic).toOpaque()
        guard
            let session = unsafe libssh2_session_init_ex(
                { unsafe SSHTraffic.of($1)?.memory.allocate($0) }, { unsafe SSHTraffic.of($1)?.memory.release($0) },
                { unsafe SSHTraffic.of($2)?.memory.change($0, to: $1) }, abstract)
        else {
            throw Failure(.sshProtocol, "libssh2 has no memory for a session")
        }
        unsafe pgkvm_ssh2_set_transport(
            session,
            { socket, buffer, length, flags, abstract in
                unsafe SSHTraffic.of(abstract)?.read(socket, buffer, length, flags) ?? -Int(EBADF)
            },
            { socket, buffer, length, flags, abstract in
                unsafe SSHTraffic.of(abstract)?.write(socket, buffer, length, flags) ?? -Int(EBADF)
            })
        unsafe libssh2_session_set_blocking(session, 0)
        unsafe libssh2_keepalive_config(session, 1, UInt32(Self.keepaliveSeconds))
        unsafe raw = session
        self.socket = socket
        self.hostKeys = hostKeys
        self.answerLimit = answerLimit
    }

    deinit {
        // With the socket shut down, nothing that libssh2 still wants to send makes it wait; the session frees its channels and its SFTP.
        socket.shutDown()
        traffic.deadline = nil
        traffic.answerDeadline = nil
        unsafe libssh2_session_set_blocking(raw, 1)
        unsafe libssh2_session_set_timeout(raw, 1000)
        unsafe libssh2_session_free(raw)
        socket.close()
    }

    // MARK: Calls

    /// Starts the time limit of an operation; nil sets no deadline.
    func begin(timeout: Duration?) {
        traffic.deadline = timeout.map { .now.advanced(by: $0) }
        traffic.answerDeadline = nil
        traffic.lastArrival = .now
    }

    /// Calls libssh2 once, and again for as long as it has a half-written packet.
    /// - Returns: the call's result; nil when it waits for the server.
    func attempt(_ operation: String, _ call: () -> Int) throws -> Int? {
        while true {
            let code = call()
            if code == Int(LIBSSH2_ERROR_EAGAIN) {
                guard unsafe libssh2_session_block_directions(raw) & LIBSSH2_SESSION_BLOCK_OUTBOUND != 0 else { return nil }
                try wait(operation, for: POLLOUT)
                continue
            }
            guard code >= 0 else { throw failure(Int32(truncatingIfNeeded: code), operation) }
            if isHostKeyKnown { try checkHostKey() }
            return code
        }
    }

    /// Calls libssh2 until the call is complete.
    @discardableResult
    func complete(_ operation: String, _ call: () -> Int) throws -> Int {
        while true {
            if let code = try attempt(operation, call) { return code }
            try wait(operation, for: POLLIN)
        }
    }

    /// Gives the server a separate time limit for one request, within the limit of the whole operation.
    func answering<Value>(_ request: () throws -> Value) rethrows -> Value {
        traffic.answerDeadline = .now.advanced(by: answerLimit)
        defer { traffic.answerDeadline = nil }
        return try request()
    }

    /// Calls a function until it returns a handle.
    func obtain(_ operation: String, _ call: () -> OpaquePointer?) throws -> OpaquePointer {
        var handle: OpaquePointer?
        try complete(operation) {
            unsafe handle = call()
            return unsafe handle == nil ? Int(min(libssh2_session_last_errno(raw), -1)) : 0
        }
        guard let handle = unsafe handle else { throw Failure(.sshProtocol, "cannot \(operation)") }
        return unsafe handle
    }

    // MARK: Waiting

    /// Waits until the socket or one of `others` is ready; keeps the connection alive meanwhile.
    /// - Throws: `ssh.timed-out` at the deadline, `ssh.connection-lost` when the server has been silent for too long.
    func wait(_ operation: String, for events: Int32, others: inout [pollfd]) throws {
        var descriptors = [pollfd(fd: socket.rawValue, events: Int16(events), revents: 0)] + others
        while true {
            if traffic.isPastDeadline { throw timedOut(operation) }
            var limit = Duration.seconds(Int(Self.keepaliveSeconds))
            if let end = traffic.end { limit = min(limit, ContinuousClock.now.duration(to: end)) }
            if isHostKeyKnown, events & POLLOUT == 0 {
                var next: Int32 = 0
                let code = unsafe libssh2_keepalive_send(raw, &next)
                guard code == 0 else { throw failure(code, operation) }
                guard ContinuousClock.now - traffic.lastArrival < Self.silenceLimit else {
                    isBroken = true
                    throw Failure(.sshConnectionLost, "cannot \(operation): the server has been silent for \(Self.silenceLimit)")
                }
            }
            let count = unsafe poll(&descriptors, nfds_t(descriptors.count), Int32(clamping: limit.wholeMilliseconds + 1))
            let code = Errno(rawValue: errno)
            guard count >= 0 || code == .interrupted else {
                isBroken = true
                throw Failure(.sshConnectionLost, "cannot \(operation)", cause: code)
            }
            if count > 0 { break }
        }
        others = Array(descriptors.dropFirst())
    }

    func wait(_ operation: String, for events: Int32) throws {
        var none: [pollfd] = []
        try wait(operation, for: events, others: &none)
    }

    // MARK: The server's key

    /// Accepts the key that the server presented if it is a pinned one.
    /// - Throws: `ssh.host-key-mismatch`.
    func acceptHostKey() throws {
        try checkHostKey()
        isHostKeyKnown = true
    }

    private func checkHostKey() throws {
        var length = 0
        var kind: Int32 = 0
        let pointer = unsafe libssh2_session_hostkey(raw, &length, &kind)
        let shown = unsafe UnsafeRawBufferPointer(start: pointer, count: pointer == nil ? 0 : length)
        for key in hostKeys where unsafe shown.elementsEqual(key.blob) { return }
        let fingerprint = unsafe HostKey.fingerprint(of: Array(shown))
        isBroken = true
        socket.shutDown()
        let expected = hostKeys.map(\.fingerprint).joined(separator: " or ")
        throw Failure(
            .sshHostKeyMismatch, "the server's host key is \(fingerprint), expected \(expected.isEmpty ? "none" : expected)",
            remedy: "another machine answers at this address: check what listens there; nothing was sent to it")
    }

    /// The user is logged in: from now on the server may send any amount.
    func liftLimit() { traffic.limit = nil }

    // MARK: Errors

    /// The failure for a code that libssh2 has just returned.
    func failure(_ code: Int32, _ operation: String) -> Failure {
        let error = LibraryError(code: code, text: lastErrorText(code))
        if traffic.isOverLimit {
            isBroken = true
            return Failure(.sshHandshakeFailed, "cannot \(operation): the server sent \(traffic.received) bytes and no end", cause: error)
        }
        if traffic.isPastDeadline { return timedOut(operation) }
        if traffic.memory.isExhausted {
            isBroken = true
            return Failure(.sshProtocol, "cannot \(operation): the server sent more than \(SSHMemory.limit >> 20) MiB that nothing asked for", cause: error)
        }
        if error.isConnectionLoss || traffic.isEnded {
            isBroken = true
            return Failure(.sshConnectionLost, "cannot \(operation): the connection ended", cause: error)
        }
        return Failure(.sshProtocol, "cannot \(operation)", cause: error)
    }

    private func timedOut(_ operation: String) -> Failure {
        isBroken = true
        return Failure(.sshTimedOut, "cannot \(operation): the time for it passed")
    }

    private func lastErrorText(_ code: Int32) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        var length: Int32 = 0
        guard unsafe libssh2_session_last_error(raw, &text, &length, 0) == code, let text = unsafe text else { return nil }
        return unsafe String(cString: text)
    }

    /// Abandons the connection.
    func abandon() {
        isBroken = true
        socket.shutDown()
    }
}

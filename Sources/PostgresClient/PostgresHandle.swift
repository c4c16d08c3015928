internal import ApplianceModel
internal import Basics
internal import CLibPQ
internal import Dispatch
internal import Quoting

/// Owns one `PGconn`, which is freed exactly once. It has one wrapper for each libpq call that pgkvm makes on a connection.
@safe struct PostgresHandle: ~Copyable {
    private let raw: OpaquePointer

    private init(owning raw: OpaquePointer) { unsafe self.raw = raw }

    deinit { unsafe PQfinish(raw) }

    /// Begins to connect; `poll` continues.
    static func start(_ pairs: [(keyword: String, value: String)]) throws -> PostgresHandle {
        try refuseNUL(pairs)
        let opened = unsafe withCStrings(pairs.map(\.keyword)) { keywords in
            unsafe withCStrings(pairs.map(\.value)) { values in unsafe PQconnectStartParams(keywords, values, 0) }
        }
        guard let opened = unsafe opened else { throw Failure(.postgresConnectionFailed, "libpq is out of memory") }
        let handle = unsafe PostgresHandle(owning: opened)
        // The SQLSTATE of a refused connection is only in the verbose text.
        unsafe PQsetErrorVerbosity(opened, PQERRORS_VERBOSE)
        // libpq would print notices to standard error.
        unsafe PQsetNoticeReceiver(opened, { _, _ in }, nil)
        return handle
    }

    /// A `PGconn` that never uses the network: a keyword that libpq does not know ends the parsing.
    static func unconnected() throws -> PostgresHandle { try start([("no-such-keyword", "-")]) }

    /// Whether a server answers; blocks until it does, or until its `connect_timeout` has passed.
    static func ping(_ pairs: [(keyword: String, value: String)]) throws -> PGPing {
        try refuseNUL(pairs)
        return unsafe withCStrings(pairs.map(\.keyword)) { keywords in
            unsafe withCStrings(pairs.map(\.value)) { values in unsafe PQpingParams(keywords, values, 0) }
        }
    }

    private static func refuseNUL(_ pairs: [(keyword: String, value: String)]) throws {
        guard !pairs.contains(where: { $0.value.utf8.contains(0) }) else {
            throw Failure(.invalidInput, "a connection parameter contains a NUL")
        }
    }

    enum Progress { case connected, reading, writing, failed }

    func poll() -> Progress {
        switch unsafe PQconnectPoll(raw) {
        case PGRES_POLLING_OK: .connected
        case PGRES_POLLING_READING: .reading
        case PGRES_POLLING_WRITING: .writing
        default: .failed
        }
    }

    var isUsable: Bool { unsafe PQstatus(raw) != CONNECTION_BAD }
    var socket: Int32 { unsafe PQsocket(raw) }
    /// The number of bytes that the server has sent over TCP; 0 on a Unix socket.
    var received: UInt64 { pgkvm_pq_received(socket) }
    var serverVersion: Int { Int(unsafe PQserverVersion(raw)) }
    var backendProcess: Int32 { unsafe PQbackendPID(raw) }

    /// The last error's text, copied: the next call overwrites it.
    var errorText: String { unsafe String(cString: PQerrorMessage(raw)) }

    var tls: TLSStatus? {
        guard unsafe PQsslInUse(raw) == 1, let version = attribute("protocol"), let cipher = attribute("cipher") else { return nil }
        return TLSStatus(version: version, cipher: cipher, keyBits: attribute("key_bits").flatMap { Int($0) })
    }

    private func attribute(_ name: String) -> String? {
        guard let value = unsafe PQsslAttribute(raw, name) else { return nil }
        return unsafe String(cString: value)
    }

    /// From now on sending does not block, and results contain the fields of errors.
    func makeNonblocking() -> Bool {
        unsafe PQsetErrorVerbosity(raw, PQERRORS_DEFAULT)
        return unsafe PQsetnonblocking(raw, 1) == 0
    }

    /// Queues a statement and its parameters as text.
    func send(_ sql: String, _ parameters: [String?]) -> Bool {
        unsafe withCStrings(parameters) { values in
            unsafe PQsendQueryParams(raw, sql, Int32(parameters.count), nil, values, nil, nil, 0) == 1
        }
    }

    /// Sends the queued data: 0 everything sent, 1 more to send, -1 failed.
    func flush() -> Int32 { unsafe PQflush(raw) }
    func consumeInput() -> Bool { unsafe PQconsumeInput(raw) == 1 }
    var isBusy: Bool { unsafe PQisBusy(raw) == 1 }

    func nextResult() -> ResultHandle? {
        guard let result = unsafe PQgetResult(raw) else { return nil }
        return unsafe ResultHandle(owning: result)
    }

    /// Asks the server, over a separate connection, to end the running statement. Does not wait: a server that is gone
    /// would block the caller.
    func requestCancel() {
        guard let cancel = unsafe PQgetCancel(raw) else { return }
        nonisolated(unsafe) let owned = unsafe cancel
        DispatchQueue.global().async {
            var text = [CChar](repeating: 0, count: 256)
            _ = unsafe PQcancel(owned, &text, Int32(text.count))
            unsafe PQfreeCancel(owned)
        }
    }

    func encrypt(password: String, role: String) throws -> String {
        let made = unsafe withCStrings([password, role, "scram-sha-256"]) { strings in
            unsafe PQencryptPasswordConn(raw, strings[0], strings[1], strings[2])
        }
        guard let made = unsafe made else {
            throw Failure(
                .postgresConnectionFailed, "libpq cannot make a verifier for role '\(role)'",
                cause: PostgresError(sqlState: nil, message: errorText))
        }
        defer { unsafe PQfreemem(made) }
        return unsafe String(cString: made)
    }
}

/// Owns one `PGresult`, which is freed exactly once.
@safe struct ResultHandle: ~Copyable {
    private let raw: OpaquePointer

    init(owning raw: OpaquePointer) { unsafe self.raw = raw }

    deinit { unsafe PQclear(raw) }

    enum Kind { case rows, copy, failed }

    var kind: Kind {
        switch unsafe PQresultStatus(raw) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: .rows
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: .copy
        default: .failed
        }
    }

    var error: PostgresError {
        let text = unsafe Self.text(PQresultErrorMessage(raw)).split(at: "\n").joined(separator: "; ")
        return PostgresError(
            sqlState: field(CLibPQFieldSQLState), message: field(CLibPQFieldMessage) ?? text, detail: field(CLibPQFieldDetail),
            hint: field(CLibPQFieldHint))
    }

    private func field(_ code: Int32) -> String? {
        guard let value = unsafe PQresultErrorField(raw, code) else { return nil }
        return unsafe Self.text(value)
    }

    /// A text from the server for a message, shortened because no one reads a long one to its end.
    private static func text(_ value: UnsafePointer<CChar>) -> String { String(unsafe String(cString: value).prefix(4_096)) }

    var rows: PostgresRows {
        let width = unsafe PQnfields(raw)
        let columns = (0..<width).map { column in unsafe PQfname(raw, column).map { unsafe String(cString: $0) } ?? "" }
        let rows = (0..<(unsafe PQntuples(raw))).map { row in (0..<width).map { column in value(row, column) } }
        return PostgresRows(columns: columns, rows: rows, commandTag: unsafe String(cString: PQcmdStatus(raw)))
    }

    private func value(_ row: Int32, _ column: Int32) -> String? {
        guard unsafe PQgetisnull(raw, row, column) == 0, let bytes = unsafe PQgetvalue(raw, row, column) else { return nil }
        let length = Int(unsafe PQgetlength(raw, row, column))
        return unsafe String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
    }
}

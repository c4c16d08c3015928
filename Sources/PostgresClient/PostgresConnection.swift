internal import ApplianceModel
internal import Basics
internal import CLibPQ
package import Quoting

/// How a connection is encrypted.
package struct TLSStatus: Sendable, Equatable {
    /// For example `TLSv1.3`.
    package let version: String
    /// For example `TLS_AES_256_GCM_SHA384`.
    package let cipher: String
    package let keyBits: Int?
}

/// One session with a PostgreSQL server.
///
/// Calls wait in libpq on a separate queue. Cancelling the task asks the server to end the statement; the connection is dropped
/// if the server does not answer within `grace`.
package actor PostgresConnection {
    /// How long a statement may take to end after the request to do so.
    private static let grace = Duration.seconds(5)
    /// How often the request is repeated within that time: a server ignores a request that arrives before it has begun the statement.
    private static let cancelInterval = Duration.seconds(1)

    /// The maximum number of bytes that a server may send for one statement; pgkvm's statements return a few kilobytes.
    static let answerLimit: UInt64 = 64 << 20

    private let executor = BlockingExecutor()
    private let target: String
    private var handle: PostgresHandle?

    /// For example 150020 for 15.20.
    package private(set) var serverVersion = 0
    /// How the connection is encrypted; nil on a Unix socket.
    package private(set) var tls: TLSStatus?
    /// The server's process id, as in `pg_stat_activity`.
    package private(set) var backendProcess: Int32 = 0

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private init(target: String) { self.target = target }

    /// Connects. `connectTimeout` covers everything except looking `host` up; with `hostAddress` there is no look-up.
    /// - Throws: `postgres.connection-failed`, `postgres.authentication-failed` (both with the server's SQLSTATE where it sent
    ///   one: 57P03 means that it is still starting), `timed-out`, `CancellationError`.
    package static func open(_ parameters: PostgresParameters) async throws -> PostgresConnection {
        let connection = PostgresConnection(target: parameters.target)
        try await connection.connect(parameters)
        return connection
    }

    /// Runs one statement. Pass values as parameters `$1`, `$2` …, never in the text.
    /// - Parameter timeout: how long the statement may take before the server is asked to end it.
    /// - Throws: `postgres.query-failed` with the SQLSTATE, `postgres.connection-lost`, `timed-out`, `CancellationError`.
    package func query(_ sql: SQLText, _ parameters: [String?] = [], timeout: Duration = .seconds(60)) async throws -> PostgresRows {
        let cancellation = CancellationFlag()
        return try await withTaskCancellationHandler {
            try run(sql.text, parameters, timeout: timeout, cancellation: cancellation)
        } onCancel: {
            cancellation.set()
        }
    }

    /// Runs one statement whose rows are not needed.
    /// - Returns: the number of rows that it changed; 0 for statements that do not report one.
    @discardableResult
    package func execute(_ sql: SQLText, _ parameters: [String?] = [], timeout: Duration = .seconds(60)) async throws -> Int {
        try await query(sql, parameters, timeout: timeout).affectedRows ?? 0
    }

    /// Ends the session; does nothing if it is closed already.
    package func close() { handle = nil }

    private func connect(_ parameters: PostgresParameters) async throws {
        let cancellation = CancellationFlag()
        try await withTaskCancellationHandler {
            try dial(parameters, cancellation: cancellation)
        } onCancel: {
            cancellation.set()
        }
    }

    private func dial(_ parameters: PostgresParameters, cancellation: CancellationFlag) throws {
        let deadline = ContinuousClock.now + parameters.connectTimeout
        var pairs = parameters.keywords(libraryVersion: PQlibVersion())
        parameters.password?.withRevealed { pairs.append(("password", $0)) }
        let opened = try PostgresHandle.start(pairs)
        guard opened.isUsable else { throw refused(opened.errorText) }
        var progress = PostgresHandle.Progress.writing
        while progress != .connected {
            if progress == .failed { throw refused(opened.errorText) }
            switch waitForSocket(
                opened.socket, reading: progress == .reading, writing: progress == .writing, until: deadline, unless: cancellation)
            {
            case .ready: progress = opened.poll()
            case .cancelled: throw CancellationError()
            case .deadlinePassed: throw Failure(.timedOut, "\(target) did not answer within \(parameters.connectTimeout)")
            }
        }
        guard opened.makeNonblocking() else { throw refused(opened.errorText) }
        serverVersion = opened.serverVersion
        tls = opened.tls
        backendProcess = opened.backendProcess
        handle = consume opened
    }

    private func refused(_ text: String) -> Failure {
        let error = PostgresError(connectionText: text)
        let isAuthentication = error.sqlState?.begins(with: "28") == true
        return Failure(
            isAuthentication ? .postgresAuthenticationFailed : .postgresConnectionFailed, "cannot connect to \(target)", cause: error)
    }

    private func run(_ sql: String, _ parameters: [String?], timeout: Duration, cancellation: CancellationFlag) throws -> PostgresRows {
        guard handle != nil else { throw Failure(.postgresConnectionLost, "the connection to \(target) is closed") }
        guard !sql.utf8.contains(0), !parameters.contains(where: { $0?.utf8.contains(0) == true }) else {
            throw Failure(.invalidInput, "a statement or one of its parameters contains a NUL")
        }
        do {
            return try exchange(sql, parameters, deadline: .now + timeout, cancellation: cancellation)
        } catch let end as StatementEnd {
            switch end {
            case .cancelled: throw CancellationError()
            case .timedOut: throw Failure(.timedOut, "a statement on \(target) took longer than \(timeout)")
            case .lost(let text):
                handle = nil
                throw Failure(
                    .postgresConnectionLost, "the connection to \(target) was lost", cause: PostgresError(sqlState: nil, message: text))
            }
        }
    }

    /// Why a statement did not end by itself.
    private enum StatementEnd: Error {
        case cancelled, timedOut
        case lost(String)
    }

    /// Sends the statement and collects its result; the connection is idle again when this returns or throws a `Failure`.
    private func exchange(
        _ sql: String, _ parameters: [String?], deadline: ContinuousClock.Instant, cancellation: CancellationFlag
    ) throws -> PostgresRows {
        guard try using({ $0.send(sql, parameters) }) else { throw StatementEnd.lost(try using { $0.errorText }) }
        let start = try using { $0.received }
        var asked: (reason: StatementEnd, until: ContinuousClock.Instant)?
        var limit = deadline
        var outcome: Result<PostgresRows, PostgresError> = .success(PostgresRows(columns: [], rows: []))
        while true {
            switch try advance(until: limit, unless: asked == nil ? cancellation : nil, from: start) {
            case .result(.some(let next)): outcome = next
            case .result(.none):
                if let asked, case .failure = outcome { throw asked.reason }
                return try outcome.mapError { Failure(.postgresQueryFailed, "\(target) refused a statement", cause: $0) }.get()
            case .stopped(let reason):
                if let asked, asked.until <= .now {
                    // The statement continued although it was asked to end: the session cannot be used any more.
                    handle = nil
                    throw asked.reason
                }
                try using { $0.requestCancel() }
                let end = asked ?? (reason, .now + Self.grace)
                asked = end
                limit = min(end.until, .now + Self.cancelInterval)
            }
        }
    }

    private enum Advance {
        /// One result of the statement; nil after the last.
        case result(Result<PostgresRows, PostgresError>?)
        case stopped(StatementEnd)
    }

    /// Sends and receives until the next result is complete.
    /// - Parameter start: how many bytes had arrived when the statement was sent.
    private func advance(until deadline: ContinuousClock.Instant, unless cancellation: CancellationFlag?, from start: UInt64) throws -> Advance {
        while true {
            let unsent = try using { $0.flush() }
            guard unsent >= 0 else { throw StatementEnd.lost(try using { $0.errorText }) }
            if unsent == 0, try !using({ $0.isBusy }) { return .result(try takeResult()) }
            switch waitForSocket(try using { $0.socket }, writing: unsent == 1, until: deadline, unless: cancellation) {
            case .ready:
                guard try using({ $0.consumeInput() }) else { throw StatementEnd.lost(try using { $0.errorText }) }
                guard try using({ $0.received }) <= start + Self.answerLimit else {
                    throw StatementEnd.lost("the server sent more than \(Self.answerLimit >> 20) MiB for one statement")
                }
            case .cancelled: return .stopped(.cancelled)
            case .deadlinePassed: return .stopped(.timedOut)
            }
        }
    }

    private func takeResult() throws -> Result<PostgresRows, PostgresError>? {
        try using { handle in
            guard let result = handle.nextResult() else { return nil }
            switch result.kind {
            case .rows: return .success(result.rows)
            case .copy: throw StatementEnd.lost("COPY is not supported")
            case .failed:
                let error = result.error
                // After a fatal error (for example 57P01: shut down by an administrator) the session is gone.
                guard handle.isUsable else { throw StatementEnd.lost(error.description) }
                return .failure(error)
            }
        }
    }

    private func using<Value>(_ body: (borrowing PostgresHandle) throws -> Value) throws -> Value {
        switch handle {
        case .some(let open): return try body(open)
        case .none: throw StatementEnd.lost("closed")
        }
    }
}

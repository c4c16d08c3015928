internal import ApplianceModel
package import Basics
internal import Quoting

/// The server's or libpq's description of a failure; the cause of a `Failure`.
package struct PostgresError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Five characters, such as `28P01`; nil when libpq failed rather than the server.
    package let sqlState: String?
    /// The first line: what went wrong.
    package let message: String
    package let detail: String?
    package let hint: String?

    package init(sqlState: String?, message: String, detail: String? = nil, hint: String? = nil) {
        self.sqlState = sqlState
        self.message = message
        self.detail = detail
        self.hint = hint
    }

    package var description: String {
        var text = sqlState.map { "\(message) (SQLSTATE \($0))" } ?? message
        if let detail { text += "; \(detail)" }
        if let hint { text += "; \(hint)" }
        return text
    }

    /// Parses the text of a failed connection, because libpq has this information only in its message.
    /// - Parameter text: written with verbose errors: `… FATAL:  28P01: password authentication failed …` and a `LOCATION:` line.
    init(connectionText text: String) {
        var state: String?
        let lines = text.split(at: "\n").filter { !$0.begins(with: "LOCATION:") }.map { line -> String in
            // In libpq's texts only the severity is followed by two spaces; the severity may be translated.
            guard let mark = line.firstRange(of: ":  ") else { return String(line) }
            let rest = line[mark.upperBound...]
            let code = rest.prefix(5)
            guard code.count == 5, code.utf8.allSatisfy(Self.isCodeByte), rest.dropFirst(5).begins(with: ": ") else { return String(line) }
            state = String(code)
            return line[..<mark.upperBound] + String(rest.dropFirst(7))
        }
        self.init(sqlState: state, message: lines.joined(separator: "; "))
    }

    private static func isCodeByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}

extension Failure {
    /// The SQLSTATE behind this failure; nil when no server sent one.
    package var sqlState: String? {
        switch cause {
        case let error as PostgresError: error.sqlState
        case let failure as Failure: failure.sqlState
        default: nil
        }
    }
}

extension Failure.Code {
    /// The server cannot be reached, does not answer, has an unacceptable certificate, or refuses the session for now (class 57, 53).
    package static let postgresConnectionFailed = Failure.Code("postgres.connection-failed")
    /// The server refuses the user (SQLSTATE class 28).
    package static let postgresAuthenticationFailed = Failure.Code("postgres.authentication-failed")
    /// The server refuses a statement.
    package static let postgresQueryFailed = Failure.Code("postgres.query-failed")
    /// The connection ended during use, or was already closed.
    package static let postgresConnectionLost = Failure.Code("postgres.connection-lost")
    /// A result does not have the requested shape.
    package static let postgresUnexpectedResult = Failure.Code("postgres.unexpected-result")
}

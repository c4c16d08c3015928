internal import Quoting

/// The one error of the program: what went wrong, why, and what to do about it.
///
/// Messages are lower-case fragments without a full stop that name the object. A message never repeats its cause. The chain is printed once, at the
/// top level.
package struct Failure: Error, CustomStringConvertible {
    /// A stable name that tests and scripts can match, for example `image.checksum-mismatch`.
    ///
    /// Each module declares its own codes in an extension beside the code that throws them.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let rawValue: String
        package init(_ rawValue: String) { self.rawValue = rawValue }
        package var description: String { rawValue }
    }

    package let code: Code
    package let message: String
    /// What the user can do, as an imperative fragment.
    package let remedy: String?
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, remedy: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.cause = cause
    }

    package var description: String { message }
}

extension Failure.Code {
    /// The input contradicts itself or the rules of the spec.
    package static let invalidInput = Failure.Code("input.invalid")
    /// The operation is not supported here.
    package static let unsupported = Failure.Code("unsupported")
    /// A time limit passed without progress.
    package static let timedOut = Failure.Code("timed-out")
}

extension Failure {
    /// Quotes a value. If the language cannot represent the value, the failure says what the value is and why.
    /// - Parameter what: the value, for example `the name 'x'`: the reason follows after a space.
    package static func naming<Quoted>(
        _ what: @autoclosure () -> String, _ code: Code = .invalidInput, remedy: String? = nil, _ quote: () throws -> Quoted
    ) throws -> Quoted {
        do {
            return try quote()
        } catch let error as Unquotable {
            throw Failure(code, "\(what()) \(error.reason)", remedy: remedy)
        }
    }
}

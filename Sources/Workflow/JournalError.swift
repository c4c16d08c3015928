/// Why the journal cannot be used: what is wrong, and what to do about it.
package struct JournalError: Error, CustomStringConvertible {
    /// A stable name that tests and scripts can match, such as `journal.damaged`.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let rawValue: String
        package var description: String { rawValue }

        /// A line before the last is not what was written, or lines are missing, at its end too.
        package static let damaged = Code(rawValue: "journal.damaged")
        /// A line was written by a newer program.
        package static let newerFormat = Code(rawValue: "journal.newer-format")
        /// A fact is there and is not of the form that is asked for.
        package static let unreadableFact = Code(rawValue: "journal.unreadable-fact")
        /// A fact has a value that JSON cannot hold.
        package static let unwritableFact = Code(rawValue: "journal.unwritable-fact")
        /// Two steps of one list have the same id.
        package static let duplicateStep = Code(rawValue: "journal.duplicate-step")
    }

    package let code: Code
    package let message: String
    package let remedy: String?
    package let cause: (any Error)?

    init(_ code: Code, _ message: String, remedy: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.cause = cause
    }

    package var description: String { message }

    /// Damage that shows only beside the journal: it is shorter than it was, or not a file.
    package static func incomplete(_ message: String, remedy: String) -> JournalError { JournalError(.damaged, message, remedy: remedy) }

    static func damaged(line: Int, _ what: String) -> JournalError {
        JournalError(.damaged, "line \(line) of the journal is damaged: it \(what)", remedy: "restore the journal from a copy")
    }
}

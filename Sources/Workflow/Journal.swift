internal import Basics

/// A small value that steps pass to one another and to later runs, such as the reference of a created resource.
package protocol Fact: Codable, Sendable {
    /// The name in the journal; it stays the same even if the type is renamed.
    static var key: String { get }
}

/// The durable record of all runs for one subject: which steps began and ended, and the facts.
///
/// An entry is durable when the call that writes it returns.
package actor Journal {
    private let storage: any JournalStorage
    private var contents: JournalContents

    /// Opens a journal for writing; an incomplete last line is cut off, and reported in `warnings`.
    /// - Throws: `journal.damaged`, `journal.newer-format`, or what the storage throws.
    package init(storage: any JournalStorage) throws {
        let bytes = try storage.readAll()
        contents = try JournalContents(bytes)
        if contents.byteCount < bytes.count { try storage.truncate(toByteCount: contents.byteCount) }
        self.storage = storage
    }

    /// Everything that was ever written, in order.
    package var entries: [JournalEntry] { contents.entries }

    /// The repairs that were made when the journal was opened.
    package var warnings: [String] { contents.warnings }

    /// Records a fact; the last value for a key counts.
    /// - Throws: `journal.unwritable-fact`, or what the storage throws.
    package func record<F: Fact>(_ fact: F) throws {
        let value: [UInt8]
        do {
            value = try JournalLine.json(fact)
        } catch {
            throw Failure(.unwritableFact, "the fact '\(F.key)' cannot be written", cause: error)
        }
        try append(.fact, .init(fact: F.key), value: value)
    }

    /// The current value of a fact; nil when it was never recorded or was forgotten.
    /// - Throws: `journal.unreadable-fact`.
    package func fact<F: Fact>(_ type: F.Type) throws -> F? { try contents.fact(type) }

    /// Withdraws a fact; it is not an error when it has no value.
    /// - Throws: what the storage throws.
    package func forget<F: Fact>(_ type: F.Type) throws {
        guard contents.factKeys.contains(F.key) else { return }
        try append(.factForgotten, .init(fact: F.key))
    }

    func append(_ kind: JournalEntry.Kind, _ details: JournalEntry.Details = .init(), value: [UInt8]? = nil) throws {
        let entry = try JournalLine.make(sequence: contents.entries.count + 1, kind: kind, details: details, value: value)
        try storage.append(entry.line + [JournalContents.newline])
        contents.add(entry)
    }
}

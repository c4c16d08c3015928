internal import Basics

/// The content of a journal, as a value. Reading does not repair anything, so it is safe beside a running writer.
package struct JournalContents: Sendable {
    package private(set) var entries: [JournalEntry] = []
    /// What was left out while reading: an incomplete last line.
    package private(set) var warnings: [String] = []
    /// The number of bytes, from the first, that contain complete lines.
    package private(set) var byteCount = 0
    /// The index of the entry that holds the current value of each fact.
    private var facts: [String: Int] = [:]

    /// Reads the bytes of a journal. An incomplete last line is left out with a warning.
    /// - Throws: `journal.damaged` naming the line, `journal.newer-format`.
    package init(_ bytes: [UInt8]) throws {
        while byteCount < bytes.endIndex {
            let number = entries.count + 1
            let newline = bytes[byteCount...].firstIndex(of: JournalContents.newline)
            let line = bytes[byteCount..<(newline ?? bytes.endIndex)]
            let next = newline.map { $0 + 1 } ?? bytes.endIndex
            guard let entry = try JournalLine.read(line, number: number), newline != nil else {
                guard next == bytes.endIndex, !JournalLine.continuesAfterEntry(line) else {
                    throw Failure.journalDamaged(line: number, "does not match its checksum")
                }
                warnings.append("the last line of the journal, line \(number), was cut off while it was written and is left out")
                return
            }
            guard entry.sequence == number else {
                throw Failure.journalDamaged(line: number, "has the sequence number \(entry.sequence) instead of \(number)")
            }
            add(entry)
        }
    }

    /// The current value of a fact; nil when it was never recorded or was forgotten.
    /// - Throws: `journal.unreadable-fact`.
    package func fact<F: Fact>(_ type: F.Type) throws -> F? {
        guard let index = facts[F.key] else { return nil }
        do {
            return try JournalLine.value(F.self, of: entries[index].line)
        } catch {
            throw Failure(
                .unreadableFact, "the fact '\(F.key)' on line \(index + 1) of the journal cannot be read",
                remedy: "use the release that wrote the journal, or a later one", cause: error)
        }
    }

    /// The keys of all facts that have a value.
    package var factKeys: Set<String> { Set(facts.keys) }

    static let newline = UInt8(ascii: "\n")

    mutating func add(_ entry: JournalEntry) {
        if let key = entry.fact {
            switch entry.kind {
            case .fact: facts[key] = entries.count
            case .factForgotten: facts[key] = nil
            default: break
            }
        }
        entries.append(entry)
        byteCount += entry.line.count + 1
    }
}

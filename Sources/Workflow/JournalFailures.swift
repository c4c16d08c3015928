package import Basics

/// Why the journal cannot be used.
extension Failure.Code {
    /// A line before the last was changed since it was written, or lines are missing, also at the end.
    package static let journalDamaged = Failure.Code("journal.damaged")
    /// A line was written by a newer program.
    package static let journalNewerFormat = Failure.Code("journal.newer-format")
    /// A fact does not have the requested form.
    package static let unreadableFact = Failure.Code("journal.unreadable-fact")
    /// A fact has a value that JSON cannot hold.
    package static let unwritableFact = Failure.Code("journal.unwritable-fact")
    /// Two steps of one list have the same id.
    package static let duplicateStep = Failure.Code("journal.duplicate-step")

    /// Whether the journal itself cannot be used, rather than the file that it is in.
    package var isOfJournal: Bool { [.journalDamaged, .journalNewerFormat, .unreadableFact, .unwritableFact, .duplicateStep].contains(self) }
}

extension Failure {
    static func journalDamaged(line: Int, _ what: String) -> Failure {
        Failure(.journalDamaged, "line \(line) of the journal is damaged: it \(what)", remedy: "restore the journal from a copy")
    }
}

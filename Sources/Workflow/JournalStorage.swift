/// The storage of a journal. One writer at a time: the program that opens it holds a lock.
package protocol JournalStorage: Sendable {
    /// Everything that was written; empty for a new journal.
    func readAll() throws -> [UInt8]
    /// Adds a line, including its newline. The line is durable when this returns; when it throws, no part of the line remains.
    func append(_ line: [UInt8]) throws
    /// Truncates the journal, durably.
    func truncate(toByteCount count: Int) throws
}

/// Where a journal lies. One writer at a time: whoever opens it holds a lock.
package protocol JournalStorage: Sendable {
    /// Everything that was written; empty for a new journal.
    func readAll() throws -> [UInt8]
    /// Adds a line, its newline included. Durable when it returns; when it throws, nothing of the line stays behind.
    func append(_ line: [UInt8]) throws
    /// Cuts the journal off, durably.
    func truncate(toByteCount count: Int) throws
}

import Basics
import Testing

@testable import Workflow

@Suite("Journal: damage")
struct JournalDamageTests {
    /// A small journal with an entry of each sort.
    private func journal() async throws -> [UInt8] {
        let storage = MemoryStorage()
        let journal = try Journal(storage: storage)
        try await journal.append(.runStarted)
        try await journal.append(.stepStarted, .init(step: StepID(rawValue: "boot")))
        try await journal.record(Machine(name: "dé \u{1F418}", ports: [5432]))
        try await journal.append(.stepFinished, .init(step: StepID(rawValue: "boot"), durationMilliseconds: 1_500))
        try await journal.forget(Machine.self)
        try await journal.append(.runFinished, .init(result: "completed"))
        return storage.bytes
    }

    private func lines(_ bytes: [UInt8]) -> [[UInt8]] { bytes.split(separator: JournalContents.newline).map { Array($0) + [JournalContents.newline] } }

    @Test("A flipped bit anywhere is an error that names its line; in the last line it may be taken for a torn write, with a warning")
    func bitFlips() async throws {
        let bytes = try await journal()
        let entries = try JournalContents(bytes).entries
        var damagedLines: Set<Int> = []
        for index in bytes.indices {
            let number = bytes[..<index].count { $0 == JournalContents.newline } + 1
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(bit)
                do {
                    let read = try JournalContents(damaged)
                    #expect(number == entries.count, "byte \(index) of line \(number) went unnoticed")
                    #expect(read.entries == Array(entries.dropLast()))
                    #expect(read.warnings.count == 1)
                } catch let error as Failure {
                    #expect(error.message.hasPrefix("line \(number) of the journal "))
                    #expect(error.remedy != nil)
                    damagedLines.insert(number)
                }
            }
        }
        // The newline of the last line, damaged, stands behind an entry that is whole: no torn write looks like that.
        #expect(damagedLines == Set(1...entries.count))
    }

    @Test("A journal cut off at any byte keeps every whole line, says so, and takes new entries")
    func truncation() async throws {
        let bytes = try await journal()
        let entries = try JournalContents(bytes).entries
        for count in 0...bytes.count {
            let storage = MemoryStorage(Array(bytes[..<count]))
            let journal = try Journal(storage: storage)
            let whole = bytes[..<count].count { $0 == JournalContents.newline }
            #expect(await journal.entries == Array(entries[..<whole]))
            let isTorn = count > 0 && bytes[count - 1] != JournalContents.newline
            #expect(await journal.warnings.count == (isTorn ? 1 : 0))
            try await journal.record(Machine(name: "new", ports: []))
            let again = try JournalContents(storage.bytes)
            #expect(again.warnings.isEmpty)
            #expect(again.entries.count == whole + 1)
        }
    }

    @Test("Reading beside a writer repairs nothing")
    func readingIsHarmless() async throws {
        let bytes = Array(try await journal().dropLast(3))
        let contents = try JournalContents(bytes)
        #expect(contents.warnings == ["the last line of the journal, line 6, was cut off while it was written and is left out"])
        #expect(contents.byteCount < bytes.count)
    }

    @Test(
        "A line that is missing, doubled or in another's place is an error that names the line",
        arguments: [
            ([0, 2, 3, 4, 5], 2), ([1, 2, 3, 4, 5], 1), ([0, 1, 1, 2, 3, 4, 5], 3), ([0, 2, 1, 3, 4, 5], 2), ([0, 1, 2, 3, 5], 5), ([0, 1, 2, 3, 4, 5, 0], 7),
        ])
    func sequence(order: [Int], line: Int) async throws {
        let lines = lines(try await journal())
        let error = #expect(throws: Failure.self) { try JournalContents(order.flatMap { lines[$0] }) }
        #expect(error?.code == .journalDamaged)
        #expect(error?.message.hasPrefix("line \(line) of the journal is damaged: it has the sequence number") == true)
    }

    @Test("An empty line between others is damage")
    func emptyLine() async throws {
        let lines = lines(try await journal())
        let error = #expect(throws: Failure.self) { try JournalContents(lines[0] + [JournalContents.newline] + lines[1]) }
        #expect(error?.code == .journalDamaged)
    }

    @Test("Zeros where the last line should be, as a crash may leave them, are cut off")
    func zeros() async throws {
        let lines = lines(try await journal())
        let storage = MemoryStorage(lines[0] + [UInt8](repeating: 0, count: 200))
        let journal = try Journal(storage: storage)
        #expect(await journal.entries.count == 1)
        #expect(storage.bytes == lines[0])
    }

    @Test("A damaged journal is not touched when it is opened")
    func untouched() async throws {
        var bytes = try await journal()
        bytes[10] ^= 1
        let storage = MemoryStorage(bytes)
        #expect(throws: Failure.self) { try Journal(storage: storage) }
        #expect(storage.bytes == bytes)
    }
}

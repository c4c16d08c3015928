import Basics
import Testing

@testable import Workflow

struct Machine: Fact, Equatable {
    static let key = "machine"
    var name: String
    var ports: [Int]
}

private struct Ratio: Fact {
    static let key = "ratio"
    var value: Double
}

private struct OtherMachine: Fact {
    static let key = "machine"
    var name: Int
}

@Suite("Journal")
struct JournalTests {
    @Test("The last value of a fact wins, a forgotten one is gone, also after opening the journal again")
    func facts() async throws {
        let storage = MemoryStorage()
        let journal = try Journal(storage: storage)
        #expect(try await journal.fact(Machine.self) == nil)
        let awkward = Machine(name: "a \"b\" \\ \n\t \u{1F418} ,\"checksum\":\"0123456789abcdef\"}", ports: [])
        for machine in [Machine(name: "one", ports: [1, 2]), awkward] {
            try await journal.record(machine)
            #expect(try await journal.fact(Machine.self) == machine)
            #expect(try await Journal(storage: storage).fact(Machine.self) == machine)
        }
        try await journal.forget(Machine.self)
        #expect(try await journal.fact(Machine.self) == nil)
        #expect(try await Journal(storage: storage).fact(Machine.self) == nil)
        #expect(try JournalContents(storage.bytes).factKeys.isEmpty)

        let written = storage.bytes
        try await journal.forget(Machine.self)
        #expect(storage.bytes == written)
    }

    @Test("A line has the documented form, its checksum being that of sha256sum")
    func form() throws {
        // printf '%s' '{"formatVersion":1,…,"value":{"name":"db","ports":[22]}' | sha256sum | cut -c 1-16
        let line =
            #"{"formatVersion":1,"sequence":1,"time":"2026-01-02T03:04:05.678Z","kind":"fact","fact":"machine","#
            + #""value":{"name":"db","ports":[22]},"checksum":"057bf3f59c63da42"}"#
        let contents = try JournalContents(Array((line + "\n").utf8))
        #expect(try contents.fact(Machine.self) == Machine(name: "db", ports: [22]))
        let entry = try #require(contents.entries.first)
        #expect(entry.time == "2026-01-02T03:04:05.678Z")
        #expect(entry.kind == .fact)
        #expect(entry.fact == "machine")

        let made = try JournalLine.make(sequence: 1, kind: .stepFailed, details: .init(step: StepID(rawValue: "boot"), message: "no /dev/kvm"))
        let text = String(decoding: made.line, as: UTF8.self)
        let pattern =
            /\{"formatVersion":1,"sequence":1,"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","kind":"stepFailed","step":"boot","message":"no \/dev\/kvm","checksum":"[0-9a-f]{16}"\}/
        #expect(try pattern.wholeMatch(in: text) != nil, "\(text)")
    }

    @Test("A value that JSON cannot hold is refused and nothing is written")
    func unwritable() async throws {
        let storage = MemoryStorage()
        let journal = try Journal(storage: storage)
        let error = await #expect(throws: Failure.self) { try await journal.record(Ratio(value: .infinity)) }
        #expect(error?.code == .unwritableFact)
        #expect(storage.bytes.isEmpty)
    }

    @Test("A fact of another form than asked for is an error that names it and its line")
    func unreadable() async throws {
        let journal = try Journal(storage: MemoryStorage())
        try await journal.append(.runStarted)
        try await journal.record(Machine(name: "db", ports: []))
        let error = await #expect(throws: Failure.self) { try await journal.fact(OtherMachine.self) }
        #expect(error?.code == .unreadableFact)
        #expect(error?.message == "the fact 'machine' on line 2 of the journal cannot be read")
    }

    @Test("A write that fails leaves journal and memory as they were")
    func failedWrite() async throws {
        let storage = MemoryStorage(appendsLeft: 1)
        let journal = try Journal(storage: storage)
        try await journal.record(Machine(name: "one", ports: []))
        await #expect(throws: DiskFull.self) { try await journal.record(Machine(name: "two", ports: [])) }
        await #expect(throws: DiskFull.self) { try await journal.forget(Machine.self) }
        #expect(try await journal.fact(Machine.self)?.name == "one")
        storage.free()
        try await journal.record(Machine(name: "three", ports: []))
        #expect(try await Journal(storage: storage).entries.map(\.sequence) == [1, 2])
    }

    @Test("An unknown kind of the same version is kept, whatever its members mean")
    func unknownKind() async throws {
        let storage = MemoryStorage()
        let later = JournalEntry.Kind(rawValue: "machineMoved")
        let body = #"{"formatVersion":1,"sequence":1,"time":"t","kind":"machineMoved","step":7,"fact":["machine"]"#
        try storage.append(sealed(body))
        let journal = try Journal(storage: storage)
        try await journal.record(Machine(name: "db", ports: []))
        #expect(try JournalContents(storage.bytes).entries.map(\.kind) == [later, .fact])
    }

    @Test(
        "A newer format version is refused, with its checksum, without it, or with one of another kind",
        arguments: [
            #"{"formatVersion":2,"sequence":1,"time":"t","kind":"fact"}"#, #"{"crc":"77","formatVersion":2}"#,
        ])
    func newer(line: String) throws {
        let plain = Array((line + "\n").utf8)
        for bytes in [plain, sealed(String(line.dropLast())), plain + sealed(#"{"formatVersion":1"#)] {
            let error = #expect(throws: Failure.self) { try JournalContents(bytes) }
            #expect(error?.code == .journalNewerFormat)
            #expect(error?.message == "line 1 of the journal has format version 2; this program reads up to 1")
            #expect(error?.remedy != nil)
        }
    }

    @Test("An impossible format version is damage, not a reason to cut the line off silently")
    func impossibleVersion() throws {
        let line = sealed(#"{"formatVersion":0,"sequence":1,"time":"t","kind":"fact""#)
        let error = #expect(throws: Failure.self) { try JournalContents(line) }
        #expect(error?.code == .journalDamaged)
    }

    @Test("Names of steps are plain strings in the journal")
    func stepIDs() throws {
        #expect(try JournalLine.json(StepID(rawValue: "boot-guest")) == Array(#""boot-guest""#.utf8))
    }
}

/// A line with the right checksum.
func sealed(_ body: String) -> [UInt8] {
    let body = Array(body.utf8)
    return body + JournalLine.suffix(of: body[...]) + [JournalContents.newline]
}

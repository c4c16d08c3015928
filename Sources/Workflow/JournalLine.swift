internal import Basics
internal import Crypto
internal import FoundationEssentials

/// The format of one line: a JSON object whose last member is the checksum of the bytes before that member.
enum JournalLine {
    /// The version that is written, and the newest version that can be read.
    static let formatVersion = 1

    private static let checksumKey = Array(#","checksum":""#.utf8)
    private static let checksumLength = 16
    private static let suffixLength = checksumKey.count + checksumLength + 2
    /// Shared, since creating one costs as much as reading a line.
    private static let decoder = JSONDecoder()

    // MARK: Writing

    /// Makes an entry with the current time.
    /// - Parameter value: the value of a fact, as JSON.
    static func make(sequence: Int, kind: JournalEntry.Kind, details: JournalEntry.Details, value: [UInt8]? = nil) throws -> JournalEntry {
        let time = Date.now.ISO8601Format(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        var body = Array(#"{"formatVersion":\#(formatVersion),"sequence":\#(sequence)"#.utf8)
        func member(_ key: String, _ json: [UInt8]) { body += Array(#","\#(key)":"#.utf8) + json }
        member("time", try json(time))
        member("kind", try json(kind))
        if let step = details.step { member("step", try json(step)) }
        if let fact = details.fact { member("fact", try json(fact)) }
        if let result = details.result { member("result", try json(result)) }
        if let message = details.message { member("message", try json(message)) }
        if let duration = details.durationMilliseconds { member("durationMilliseconds", try json(duration)) }
        if let value { member("value", value) }
        return JournalEntry(sequence: sequence, time: time, kind: kind, details: details, line: body + suffix(of: body[...]))
    }

    /// One line of JSON with sorted keys.
    static func json(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    // MARK: Reading

    /// Reads a line, without its newline.
    /// - Returns: nil when it does not match its checksum.
    /// - Throws: `journal.newer-format`; `journal.damaged` when it matches but is not an entry.
    static func read(_ line: ArraySlice<UInt8>, number: Int) throws -> JournalEntry? {
        guard isWhole(line) else {
            // A newer format may have another checksum, but its version can still be read.
            if let version = try? decoder.decode(Version.self, from: Data(line)).formatVersion { try check(version, line: number) }
            return nil
        }
        do {
            let members = try decoder.decode(Members.self, from: Data(line))
            return JournalEntry(sequence: members.sequence, time: members.time, kind: members.kind, details: members.details, line: Array(line))
        } catch let error as UnsupportedVersion {
            try check(error.version, line: number)
            throw Failure.journalDamaged(line: number, "has the impossible format version \(error.version)")
        } catch is DecodingError {
            throw Failure.journalDamaged(line: number, "is not an entry")
        }
    }

    /// Reads a fact's value from its line.
    static func value<Value: Decodable>(_ type: Value.Type, of line: [UInt8]) throws -> Value {
        try decoder.decode(FactValue<Value>.self, from: Data(line)).value
    }

    /// Whether something follows a complete entry. A torn write leaves less than an entry, never more.
    static func continuesAfterEntry(_ line: ArraySlice<UInt8>) -> Bool {
        let last = line.endIndex - suffixLength - 1
        guard line.startIndex <= last else { return false }
        return (line.startIndex...last).contains { start in
            line[start...].starts(with: checksumKey) && isWhole(line[..<(start + suffixLength)])
        }
    }

    private static func check(_ version: Int, line number: Int) throws {
        guard version > formatVersion else { return }
        throw Failure(
            .journalNewerFormat, "line \(number) of the journal has format version \(version); this program reads up to \(formatVersion)",
            remedy: "use the release that wrote the journal, or a later one")
    }

    // MARK: Checksum

    static func suffix(of body: ArraySlice<UInt8>) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: body)
        let digits = Array("0123456789abcdef".utf8)
        let hex = hash.finalize().prefix(checksumLength / 2).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }
        return checksumKey + hex + Array(#""}"#.utf8)
    }

    private static func isWhole(_ line: ArraySlice<UInt8>) -> Bool {
        line.count > suffixLength && line.suffix(suffixLength).elementsEqual(suffix(of: line.dropLast(suffixLength)))
    }
}

private struct UnsupportedVersion: Error { let version: Int }

private struct Version: Decodable { let formatVersion: Int }

private struct FactValue<Value: Decodable>: Decodable { let value: Value }

private struct Members: Decodable {
    let sequence: Int
    let time: String
    let kind: JournalEntry.Kind
    let details: JournalEntry.Details

    enum Key: String, CodingKey { case formatVersion, sequence, time, kind, step, fact, result, message, durationMilliseconds }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Key.self)
        let version = try members.decode(Int.self, forKey: .formatVersion)
        guard version == JournalLine.formatVersion else { throw UnsupportedVersion(version: version) }
        sequence = try members.decode(Int.self, forKey: .sequence)
        time = try members.decode(String.self, forKey: .time)
        kind = try members.decode(JournalEntry.Kind.self, forKey: .kind)
        // The members of an unknown kind may mean something else.
        guard JournalEntry.Kind.known.contains(kind) else {
            details = JournalEntry.Details()
            return
        }
        details = JournalEntry.Details(
            step: try members.decodeIfPresent(StepID.self, forKey: .step), fact: try members.decodeIfPresent(String.self, forKey: .fact),
            result: try members.decodeIfPresent(String.self, forKey: .result), message: try members.decodeIfPresent(String.self, forKey: .message),
            durationMilliseconds: try members.decodeIfPresent(Int.self, forKey: .durationMilliseconds))
    }
}

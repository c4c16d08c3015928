import Basics
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Texts that try every quoting, and the readers that say what they made of it.
enum GeneratedText {
    /// Every scalar that makes one `Character` with a quote in front of it.
    static let joiners: [Unicode.Scalar] = (UInt32(0x80)...0x10ffff).compactMap(Unicode.Scalar.init).filter { "'\($0)".count == 1 }

    /// Each of the special characters with each of the scalars that join it.
    static func joined(_ special: [Unicode.Scalar]) -> [String] { special.flatMap { special in joiners.map { "a\(special)\($0)\(special)b" } } }

    /// What has a meaning to one reader or another, and what joins or looks like it.
    static let pieces =
        ["'", "\"", "\\", "`", "$", "$(id)", "!", "#", ";", "&", "|", "<", ">", "(", ")", "{", "}", "{{", "[", "]", "*", "?", "~", "=", ",", ":", "/", "@"]
        + ["+", "-", "--", "%", "%%", "^", "_", ".", " ", "  ", "\t", "a", "Z", "0", "9", "é", "e\u{301}", "🐘", "漢", "\u{2028}", "\\n", "&amp;", "''", "E'"]
        + ["\u{301}", "\u{200d}", "\u{fe0f}", "\u{308}", "\u{20dd}", "\u{1f3fd}", "\u{e0100}"]
    static let lineBreaks = ["\n", "\r", "\r\n", "\n\u{301}"]
    static let controls = ["\u{1}", "\u{7f}", "\u{1b}", "\u{85}", "\u{feff}"]

    /// - Parameter share: how much of the whole run's number of texts these are.
    static func texts(_ share: Double, seed: UInt64, pieces: [String] = pieces, longest: Int = .max) -> [String] {
        var random = RepeatableRandom(seed: seed)
        return (0..<Int(total * share)).map { _ in
            var text = ""
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let piece = pieces.randomElement(using: &random) ?? ""
                if text.utf8.count + piece.utf8.count <= longest { text += piece }
            }
            return text
        }
    }

    /// A million texts over all readers; ten in the full run.
    static let total: Double = EnvironmentVariable.value("PGKVM_TEST_FULL") == "1" ? 10_000_000 : 1_000_000

    /// Runs a reader over the texts in portions, and compares what it found with what was meant.
    static func expectReadBack(
        _ texts: [String], portion: Int = 20_000, isOrdered: Bool = true, _ read: ([String]) async throws -> [[UInt8]],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for start in stride(from: 0, to: texts.count, by: portion) {
            let meant = Array(texts[start..<min(start + portion, texts.count)])
            let found = try await read(meant)
            #expect(found.count == meant.count, sourceLocation: sourceLocation)
            var pairs = Array(zip(meant.map { Array($0.utf8) }, found))
            if !isOrdered { pairs = Array(zip(pairs.map(\.0).sorted { $0.lexicographicallyPrecedes($1) }, found)) }
            // One fault tells enough; a million of them would hide it.
            if let other = pairs.first(where: { $0.0 != $0.1 }) {
                Issue.record("\(String(decoding: other.0, as: UTF8.self).debugDescription) was read as \(other.1)", sourceLocation: sourceLocation)
            }
        }
    }

    /// What a reader of `read-back.py` finds.
    static func readBack(_ reader: String, _ input: some Sequence<UInt8>) async throws -> [[UInt8]] {
        let result = try await ProgramRunner.run(
            "env", ["/usr/bin/python3", try driver.string, reader], input: Array(input), outputLimit: 256 << 20)
        #expect(result.status == 0, "\(result.errorText)")
        return bytes(hexadecimalLines: result.standardOutput)
    }

    static func bytes(hexadecimalLines text: [UInt8]) -> [[UInt8]] {
        text.split(separator: 10, omittingEmptySubsequences: false).dropLast().map { line in
            stride(from: line.startIndex, to: line.endIndex - line.count % 2, by: 2).map { digit(line[$0]) << 4 | digit(line[$0 + 1]) }
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8 { byte < 0x3a ? byte &- 0x30 : (byte | 0x20) &- 0x57 }

    private static var driver: FilePath {
        get throws { FilePath("\(#filePath)").removingLastComponent().removingLastComponent().appending("Drivers/read-back.py") }
    }
}

extension [String] {
    /// The bytes of the texts, with a NUL between each two.
    var separatedByNUL: [UInt8] { Array<UInt8>(map { Array<UInt8>($0.utf8) }.joined(separator: [0])) }
}

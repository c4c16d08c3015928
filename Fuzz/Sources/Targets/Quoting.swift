internal import ApplianceModel
internal import Basics
internal import PostgresServer
internal import Quoting
internal import SecureShell

@testable internal import ProxmoxBackend

/// Text that becomes part of another language: read back by a reader of this file's own, it is what it was, and one word.
extension FuzzTarget {
    static let quoting = FuzzTarget("quoting", maxLength: 512) { input in
        var input = input
        let way = input.choice(of: 6)
        let text = input.text
        switch way {
        case 0:
            let command: ShellCommand = "\(text)"
            require(Words.shell(command.text) == [Array(text.utf8)], "not one word of a shell: \(command.text.debugDescription)")
        case 1:
            let literal = try SQLLiteral(text).text
            require(Words.sql(literal) == Array(text.utf8), "not one SQL string: \(literal.debugDescription)")
        case 2:
            let name = try SQLIdentifier(text).text
            require(Words.doubled(name, quote: "\"") == Array(text.utf8), "not one SQL name: \(name.debugDescription)")
        case 3:
            let connection = try ConnectionText(
                name: "n", port: 5432, database: text, user: "u", rootCertificate: "/r", passwordFile: "/p", socketDirectory: "/s")
            for line in connection.environment.utf8.split(separator: UInt8(ascii: "\n")).dropFirst(2).prefix(1) {
                let words = Words.shell(String(decoding: line, as: UTF8.self))
                require(words == [Array("export".utf8), Array("PGDATABASE=".utf8) + Array(text.utf8)], "not one word of a shell: \(line)")
            }
        case 4:
            var configuration = CurlConfiguration()
            try configuration.set("url", text)
            let value = Words.backslashed(String(configuration.text.utf8.dropFirst(6).dropLast()) ?? "")
            require(value == Array(text.utf8), "not one value of curl's: \(configuration.text.debugDescription)")
        default:
            let word = try UnitText(fileWord: text).text
            let percents = Words.backslashed(word)?.split(separator: Array("%%".utf8), omittingEmptySubsequences: false).joined(separator: [UInt8(ascii: "%")])
            require(percents.map { Array($0) } == Array(text.utf8), "not one word of a unit: \(word.debugDescription)")
        }
    }

    static let passwordFile = FuzzTarget("password-file", maxLength: 1024) { input in
        var input = input
        let entry = PasswordFile.Entry(
            host: input.line(), port: UInt16(truncatingIfNeeded: input.integer()), database: input.line(), user: input.line(), password: Secret(input.text))
        let lines = try PasswordFile.render([entry]).withRevealed {
            $0.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
        }
        require(lines.count == 3 && lines[2].isEmpty, "an entry that is not one line")
        let password = entry.password.withRevealed { Array($0.utf8) }
        let wanted = [Array(entry.host.utf8), Array("\(entry.port)".utf8), Array(entry.database.utf8), Array(entry.user.utf8), password]
        require(Words.passwordFields(lines[1]) == wanted, "an entry that libpq reads as another")
    }
}

/// Readers of the other languages, by bytes, as their own programs read.
private enum Words {
    private static let quote = UInt8(ascii: "'")
    private static let backslash = UInt8(ascii: "\\")

    /// The words of a line of POSIX shell that has only plain characters, quotes and backslashes; nil for anything else.
    static func shell(_ text: String) -> [[UInt8]]? {
        var words: [[UInt8]] = []
        var word: [UInt8]?
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case quote:
                guard let end = rest.firstIndex(of: quote) else { return nil }
                word = (word ?? []) + rest[..<end]
                rest = rest[(end + 1)...]
            case backslash:
                guard let next = rest.popFirst() else { return nil }
                word = (word ?? []) + [next]
            case UInt8(ascii: " "):
                if let whole = word { words.append(whole) }
                word = nil
            case let byte where isPlain(byte): word = (word ?? []) + [byte]
            default: return nil
            }
        }
        return word.map { words + [$0] } ?? words
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || "_=./:@-".utf8.contains(byte)
    }

    /// A string constant of SQL: with doubled quotes, and with doubled backslashes where an E stands in front.
    static func sql(_ text: String) -> [UInt8]? {
        guard text.utf8.first == UInt8(ascii: "E") else { return doubled(text, quote: "'") }
        guard let inner = doubled(String(decoding: text.utf8.dropFirst(), as: UTF8.self), quote: "'") else { return nil }
        var result: [UInt8] = []
        var rest = inner[...]
        while let byte = rest.popFirst() {
            if byte == backslash, rest.popFirst() != backslash { return nil }
            result.append(byte)
        }
        return result
    }

    /// A text in quotes in which a quote is doubled.
    static func doubled(_ text: String, quote: Unicode.Scalar) -> [UInt8]? {
        let mark = UInt8(truncatingIfNeeded: quote.value)
        var rest = Array(text.utf8)[...]
        guard rest.popFirst() == mark, rest.popLast() == mark else { return nil }
        var result: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == mark, rest.popFirst() != mark { return nil }
            result.append(byte)
        }
        return result
    }

    /// A text in double quotes in which a backslash takes the meaning of the next character away.
    static func backslashed(_ text: String) -> [UInt8]? {
        let mark = UInt8(ascii: "\"")
        var rest = Array(text.utf8)[...]
        guard rest.popFirst() == mark, rest.popLast() == mark else { return nil }
        var result: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == mark { return nil }
            if byte == backslash {
                guard let next = rest.popFirst() else { return nil }
                result.append(next)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    /// The fields of a line of libpq's password file.
    static func passwordFields(_ line: [UInt8]) -> [[UInt8]] {
        var fields: [[UInt8]] = [[]]
        var rest = line[...]
        while let byte = rest.popFirst() {
            if byte == backslash, let next = rest.popFirst() {
                fields[fields.count - 1].append(next)
            } else if byte == UInt8(ascii: ":") {
                fields.append([])
            } else {
                fields[fields.count - 1].append(byte)
            }
        }
        return fields
    }
}

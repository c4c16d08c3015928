/// One word of a POSIX shell.
package struct ShellWord: QuotedText {
    package let text: String

    /// The value in single quotes, in which nothing but they themselves means anything. A NUL, which no word can hold, is kept: whoever hands the
    /// command over refuses it.
    package init(_ value: String) { text = "'" + value.mapped { $0 == "'" ? #"'\''"# : nil } + "'" }

    /// The value for a command that a message shows: bare where no shell gives any of it a meaning. Control characters, which would steer the
    /// terminal, are escapes in `$'…'`, which bash, zsh and ksh know.
    package init(shown value: String) {
        if Self.isBare(value) {
            text = value
        } else if value.unicodeScalars.contains(where: \.isControl) {
            text = Self.escaped(value)
        } else {
            text = ShellWord(value).text
        }
    }

    /// The value for a command that a message shows.
    package static func quoted(_ value: String) -> String { ShellWord(shown: value).text }

    /// Several of them, with a blank between each two.
    package static func quoted(_ values: [String]) -> String { values.map { quoted($0) }.joined(separator: " ") }

    /// Whether no shell gives any of the characters a meaning, nor the whole by its first one.
    private static func isBare(_ value: String) -> Bool {
        // In front, zsh and fish take the last two for something else.
        guard let first = value.utf8.first, !"=%".utf8.contains(first) else { return false }
        return value.utf8.allSatisfy { $0.isASCIIAlphanumeric || "_-./:,+@=%".utf8.contains($0) }
    }

    private static func escaped(_ value: String) -> String {
        var word = "$'"
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "'"), UInt8(ascii: "\\"): word += "\\" + String(UnicodeScalar(byte))
            case UInt8(ascii: "\n"): word += "\\n"
            case UInt8(ascii: "\t"): word += "\\t"
            case 0x20..<0x7f: word.unicodeScalars.append(UnicodeScalar(byte))
            // Three octal digits end by themselves; hexadecimal ones would take what follows along.
            default: word += "\\" + "\(byte >> 6)\(byte >> 3 & 7)\(byte & 7)"
            }
        }
        return word + "'"
    }
}

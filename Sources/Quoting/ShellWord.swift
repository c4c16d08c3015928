/// One word of a POSIX shell.
package struct ShellWord: QuotedText {
    package let text: String

    /// The value in single quotes. Between them, only a single quote has a special meaning. A NUL, which no word can contain, is kept: the code that
    /// passes the command on refuses it.
    package init(_ value: String) { text = "'" + value.mapped { $0 == "'" ? #"'\''"# : nil } + "'" }

    /// The value for a command in a message: without quotes if no part of it has a meaning in any shell. Control characters, which would control the
    /// terminal, become escapes in `$'…'`, which bash, zsh and ksh support.
    package init(shown value: String) {
        if Self.isBare(value) {
            text = value
        } else if value.unicodeScalars.contains(where: \.isControl) {
            text = Self.escaped(value)
        } else {
            text = ShellWord(value).text
        }
    }

    /// The value for a command in a message.
    package static func quoted(_ value: String) -> String { ShellWord(shown: value).text }

    /// Several values, separated by spaces.
    package static func quoted(_ values: [String]) -> String { values.map { quoted($0) }.joined(separator: " ") }

    /// Whether no character has a meaning in any shell, and the first character gives none to the whole.
    private static func isBare(_ value: String) -> Bool {
        // At the beginning of a word, zsh and fish treat the last two as special.
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
            // Three octal digits end by themselves; hexadecimal digits would include the characters after them.
            default: word += "\\" + "\(byte >> 6)\(byte >> 3 & 7)\(byte & 7)"
            }
        }
        return word + "'"
    }
}

/// A word as a POSIX shell takes it, for the commands that messages advise. It goes by Unicode scalars: a combining mark behind a quote is a character
/// with it, and must not hide it.
package enum ShellWord {
    /// The text as one word: bare when only safe characters are in it, otherwise in single quotes. Control characters, which would steer the
    /// terminal, are written as escapes in `$'…'`, which bash, zsh and ksh know.
    package static func quoted(_ text: String) -> String {
        if isBare(text) { return text }
        guard !text.unicodeScalars.contains(where: SpecRules.isControl) else { return escaped(text) }
        var word = "'".unicodeScalars
        for scalar in text.unicodeScalars {
            if scalar == "'" { word.append(contentsOf: #"'\''"#.unicodeScalars) } else { word.append(scalar) }
        }
        word.append("'")
        return String(word)
    }

    /// Several words, with a blank between each two.
    package static func quoted(_ words: [String]) -> String { words.map { quoted($0) }.joined(separator: " ") }

    /// Whether no shell gives any of the characters a meaning, nor the whole by its first one.
    private static func isBare(_ text: String) -> Bool {
        // In front, zsh and fish take the last two for something else.
        guard let first = text.utf8.first, !"=%".utf8.contains(first) else { return false }
        return text.utf8.allSatisfy { SpecRules.isAlphanumeric($0) || "_-./:,+@=%".utf8.contains($0) }
    }

    private static func escaped(_ text: String) -> String {
        var word = "$'"
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "'"), UInt8(ascii: "\\"): word += "\\" + String(UnicodeScalar(byte))
            case UInt8(ascii: "\n"): word += "\\n"
            case UInt8(ascii: "\t"): word += "\\t"
            case 0x20..<0x7f: word.unicodeScalars.append(UnicodeScalar(byte))
            default: word += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return word + "'"
    }
}

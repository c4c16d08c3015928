/// Reads XML only as far as to say whether it is well formed: an own reader, so that it shares no mistake with what writes.
struct Markup {
    private var rest: ArraySlice<UInt8>

    /// Whether the text is one well-formed document. Namespaces and document types are not known.
    static func isWellFormed(_ text: String) -> Bool {
        var reader = Markup(rest: Array(text.utf8)[...])
        return reader.document()
    }

    private init(rest: ArraySlice<UInt8>) { self.rest = rest }

    private mutating func document() -> Bool {
        var open: [[UInt8]] = []
        var roots = 0
        while let byte = rest.first {
            if byte != UInt8(ascii: "<") {
                guard character(), !open.isEmpty || Self.isBlank(byte) else { return false }
                continue
            }
            rest.removeFirst()
            if take("!--") {
                guard skip(past: "-->") else { return false }
            } else if take("?") {
                guard skip(past: "?>") else { return false }
            } else if take("/") {
                let name = word()
                skipBlanks()
                guard take(">"), open.popLast() == name else { return false }
            } else {
                let name = word()
                guard !name.isEmpty else { return false }
                if open.isEmpty { roots += 1 }
                guard let isEmpty = attributes() else { return false }
                if !isEmpty { open.append(name) }
            }
        }
        return open.isEmpty && roots == 1
    }

    /// Up to the end of a tag. Nil for what is none; true for an element without content.
    private mutating func attributes() -> Bool? {
        while true {
            skipBlanks()
            if take("/>") { return true }
            if take(">") { return false }
            guard !word().isEmpty else { return nil }
            skipBlanks()
            guard take("=") else { return nil }
            skipBlanks()
            guard let quote = rest.popFirst(), quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { return nil }
            while let byte = rest.first, byte != quote {
                guard byte != UInt8(ascii: "<"), character() else { return nil }
            }
            guard rest.popFirst() == quote else { return nil }
        }
    }

    /// One character of text: no control character, and an ampersand only as the start of a reference.
    private mutating func character() -> Bool {
        guard let byte = rest.popFirst() else { return false }
        if byte == UInt8(ascii: "&") {
            let name = rest.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "&") && !Self.isBlank($0) }
            rest = rest.dropFirst(name.count)
            return !name.isEmpty && take(";")
        }
        return byte >= 0x20 || Self.isBlank(byte)
    }

    private mutating func word() -> [UInt8] {
        let word = rest.prefix { !Self.isBlank($0) && !"<>/=\"'&".utf8.contains($0) }
        rest = rest.dropFirst(word.count)
        return Array(word)
    }

    private mutating func skipBlanks() { rest = rest.drop(while: Self.isBlank) }

    private mutating func take(_ text: String) -> Bool {
        guard rest.starts(with: text.utf8) else { return false }
        rest = rest.dropFirst(text.utf8.count)
        return true
    }

    private mutating func skip(past text: String) -> Bool {
        guard let range = rest.firstRange(of: Array(text.utf8)) else { return false }
        rest = rest[range.upperBound...]
        return true
    }

    private static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0a, 0x0d].contains(byte) }
}

/// Whether a text holds something that steers a terminal; line ends and tabs do not.
func steersTerminal(_ text: String) -> Bool {
    text.unicodeScalars.contains { ($0.value < 0x20 && $0 != "\n" && $0 != "\t") || (0x7f...0x9f).contains($0.value) }
}

/// Makes text from a guest, a server, a file or a client safe for a terminal: characters that would control the terminal, or change the order in
/// which the text is shown, are made visible instead.
extension TextStyle {
    /// The text on one line.
    package static func shown(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == "\n" { result.append(" ") } else { append(scalar, to: &result) }
        }
        return String(result)
    }

    /// The text with its lines and tabs. Windows line endings become ordinary ones.
    /// - Parameter keepsStyle: whether the text was made with a style; if so, the style's own sequences stay.
    package static func shownLines(_ text: String, keepsStyle: Bool = false) -> String {
        var result = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\n", "\t": result.append(scalar)
            case "\r" where rest.first == "\n": break
            case "\u{1b}" where keepsStyle:
                guard let sequence = sequences.first(where: { rest.starts(with: $0.unicodeScalars) }) else {
                    append(scalar, to: &result)
                    continue
                }
                result.append(scalar)
                result.append(contentsOf: sequence.unicodeScalars)
                rest = rest.dropFirst(sequence.unicodeScalars.count)
            default: append(scalar, to: &result)
            }
        }
        return String(result)
    }

    private static func append(_ scalar: Unicode.Scalar, to result: inout String.UnicodeScalarView) {
        if steers(scalar) {
            result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
        } else {
            result.append(scalar)
        }
    }

    /// Control characters of both blocks, line separators, and characters that change the direction of the text after them.
    private static func steers(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00..<0x20, 0x7f..<0xa0, 0x61c, 0x200e...0x200f, 0x2028...0x2029, 0x202a...0x202e, 0x2066...0x2069, 0xfeff: true
        default: false
        }
    }
}

/// A text in YAML, on one line.
package struct YAMLScalar: QuotedText {
    package let text: String

    /// The text without quotes if no reader could read it as anything else, otherwise in double quotes.
    package init(_ value: String) { text = Self.isSafePlain(value) ? value : YAMLScalar(quoted: value).text }

    /// The text in double quotes in any case.
    package init(quoted value: String) {
        let inner = value.mapped { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            case "\t": "\\t"
            case _ where Self.isPrintable(scalar): nil
            default: Self.escape(scalar)
            }
        }
        text = "\"" + inner + "\""
    }

    /// The text in single quotes, for a line in a message. Between them, only a single quote has a special meaning.
    package init(advised value: String) { text = "'" + value.doubling("'") + "'" }

    private static func isSafePlain(_ value: String) -> Bool {
        guard let first = value.utf8.first, first.isASCIILetter else { return false }
        let isSafe = value.utf8.allSatisfy { $0.isASCIIAlphanumeric || "._/-+".utf8.contains($0) }
        // The words that YAML 1.1 reads as a boolean, as nothing or as a number.
        return isSafe && !["y", "n", "yes", "no", "true", "false", "on", "off", "null"].contains(value.lowercased())
    }

    /// Whether a character may be in the file as it is: visible, and not a line break of any kind.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        return "\\\(letter)" + String(repeating: "0", count: width - digits.count) + digits
    }
}

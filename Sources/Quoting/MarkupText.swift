/// Text in XML 1.0.
package struct XMLText: QuotedText {
    package let text: String

    /// Text in an element.
    package init(content value: String) { text = Self.escape(value, isAttribute: false) }

    /// The value of an attribute in quotes of either kind.
    package init(attribute value: String) { text = Self.escape(value, isAttribute: true) }

    private static func escape(_ value: String, isAttribute: Bool) -> String {
        value.mapped { scalar in
            switch scalar {
            case "<": "&lt;"
            case ">": "&gt;"
            case "&": "&amp;"
            case "\"": "&quot;"
            case "'": "&#39;"
            case "\r": "&#13;"
            // In an attribute, a parser would turn it into a space.
            case "\t", "\n": isAttribute ? "&#\(scalar.value);" : nil
            default: isForbidden(scalar) ? "\u{fffd}" : nil
            }
        }
    }

    /// Control characters, and the two code points of each plane that are not characters.
    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) || scalar.value & 0xfffe == 0xfffe
    }

    /// The text that a parser reads from an element or an attribute, with XML's own entities.
    package static func read(_ escaped: some StringProtocol) -> String {
        let entities = ["lt": "<", "gt": ">", "amp": "&", "quot": "\"", "apos": "'", "#39": "'", "#10": "\n", "#13": "\r", "#9": "\t"]
        var result = ""
        var rest = Substring(escaped)[...].unicodeScalars
        while let start = rest.firstIndex(of: "&") {
            result.unicodeScalars.append(contentsOf: rest[..<start])
            rest = rest[rest.index(after: start)...]
            guard let end = rest.prefix(8).firstIndex(of: ";"), let known = entities[String(rest[..<end])] else {
                result.unicodeScalars.append("&")
                continue
            }
            result += known
            rest = rest[rest.index(after: end)...]
        }
        result.unicodeScalars.append(contentsOf: rest)
        return result
    }
}

/// Text in HTML, in an element or in a quoted attribute.
package struct HTMLText: QuotedText {
    package let text: String

    package init(_ value: String) {
        text = value.mapped { scalar in
            switch scalar {
            case "<": "&lt;"
            case ">": "&gt;"
            case "&": "&amp;"
            case "\"": "&quot;"
            case "'": "&#39;"
            case "`": "&#96;"
            default: String(Self.shown(scalar))
            }
        }
    }

    /// Control characters have their own visible symbols. Characters that change the direction of text would show a text that differs from the actual
    /// one.
    private static func shown(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.value {
        case 0x09, 0x0a: scalar
        case 0x00..<0x20: Unicode.Scalar(scalar.value + 0x2400) ?? "\u{fffd}"
        case 0x7f: "\u{2421}"
        case 0x80..<0xa0, 0x202a...0x202e, 0x2066...0x2069, 0xfeff: "\u{fffd}"
        case let value where value & 0xfffe == 0xfffe: "\u{fffd}"
        default: scalar
        }
    }
}

internal import Mustache

/// Text as it may stand in HTML, in an element or in a quoted attribute. It goes by scalars: a combining character behind a quote would
/// hide it from one that goes by characters, and not from a browser.
struct HTMLText: MustacheContentType {
    /// The name by which the template asks for it.
    static let name = "PGKVM_HTML"

    func escapeText(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": result.append(contentsOf: "&lt;".unicodeScalars)
            case ">": result.append(contentsOf: "&gt;".unicodeScalars)
            case "&": result.append(contentsOf: "&amp;".unicodeScalars)
            case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
            case "'": result.append(contentsOf: "&#39;".unicodeScalars)
            case "`": result.append(contentsOf: "&#96;".unicodeScalars)
            default: result.append(Self.shown(scalar))
            }
        }
        return String(result)
    }

    /// Control characters have pictures of their own; what turns the direction of text around would show something else than is there.
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

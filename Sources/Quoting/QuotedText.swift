/// Text that is valid in one language: a quoted value, or text that is made of such values.
///
/// Each language has its own type, and none is a plain `String`: code that passes unquoted text where quoted text is required does not compile.
/// Everything here works on Unicode scalars or bytes. A quote followed by a combining mark is one `Character`, and a comparison by characters would
/// not see the quote that the reader of the text sees.
package protocol QuotedText: Sendable, Hashable, CustomStringConvertible {
    var text: String { get }
}

extension QuotedText {
    package var description: String { text }

    /// Compares bytes, as the reader does: Unicode's equivalence does not apply to quoted text.
    package static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}

/// A value that a language cannot represent, whatever the quotes.
package struct Unquotable: Error, Equatable, CustomStringConvertible {
    /// The reason, as the end of a sentence about the value: `contains a NUL`.
    package let reason: String

    init(_ reason: String) { self.reason = reason }

    package var description: String { reason }
}

extension String {
    /// The text with each scalar replaced by the result of `form`; nil keeps the scalar.
    func mapped(_ form: (Unicode.Scalar) -> String?) -> String {
        var result = "".unicodeScalars
        for scalar in unicodeScalars {
            if let other = form(scalar) { result.append(contentsOf: other.unicodeScalars) } else { result.append(scalar) }
        }
        return String(result)
    }

    /// The text with a backslash before each of these scalars.
    func escaping(_ special: Unicode.Scalar...) -> String { mapped { special.contains($0) ? "\\\($0)" : nil } }

    /// The text with each of these scalars doubled.
    func doubling(_ special: Unicode.Scalar) -> String { mapped { $0 == special ? "\($0)\($0)" : nil } }

    func holds(_ bytes: UInt8...) -> Bool { utf8.contains { bytes.contains($0) } }

    /// The text with every byte percent-encoded, except RFC 3986's unreserved characters and those in `leaving`.
    func percentEncoded(leaving others: String = "") -> String {
        let digits = Array("0123456789ABCDEF".unicodeScalars)
        var result = "".unicodeScalars
        for byte in utf8 {
            if byte.isASCIIAlphanumeric || "-._~".utf8.contains(byte) || others.utf8.contains(byte) {
                result.append(Unicode.Scalar(byte))
            } else {
                result.append(contentsOf: ["%", digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            }
        }
        return String(result)
    }
}

extension UInt8 {
    var isASCIILetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
    var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    var isASCIIAlphanumeric: Bool { isASCIILetter || isASCIIDigit }
}

extension Unicode.Scalar {
    /// A character that controls a terminal or a file instead of being shown. The byte order mark counts too: it has no purpose within a text, and
    /// readers drop it.
    package var isControl: Bool { value < 0x20 || (0x7f...0x9f).contains(value) || self == "\u{feff}" }
}

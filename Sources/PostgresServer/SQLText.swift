internal import ApplianceModel

/// Names and values as they stand in the text of a statement. Where a statement takes parameters, those are better. Quoting goes by Unicode scalars: a
/// combining mark behind a quote is a character with it, and must not hide it.
package enum SQLText {
    /// The longest name that PostgreSQL keeps, in bytes; a longer one it cuts off silently.
    package static let longestName = 63

    /// A name in double quotes.
    /// - Throws: `input.invalid` for an empty name, one over 63 bytes, and one with a NUL.
    package static func identifier(_ name: String) throws -> String {
        if let fault = nameFault(name) { throw Failure(.invalidInput, "'\(name)' \(fault)") }
        return "\"" + doubling("\"", in: name) + "\""
    }

    /// A string constant, right whatever `standard_conforming_strings` says.
    /// - Throws: `input.invalid` for a NUL.
    package static func literal(_ value: String) throws -> String {
        guard !value.utf8.contains(0) else { throw Failure(.invalidInput, "a string contains a NUL") }
        let quoted = "'" + doubling("'", in: value) + "'"
        return value.utf8.contains(UInt8(ascii: "\\")) ? "E" + doubling("\\", in: quoted) : quoted
    }

    /// Why a text cannot name a role, a database or an extension; nil when it can.
    static func nameFault(_ name: String) -> String? {
        if name.isEmpty { return "is empty" }
        if name.utf8.count > longestName { return "is longer than \(longestName) bytes" }
        if name.utf8.contains(0) { return "contains a NUL" }
        return nil
    }

    /// The text with each occurrence of a scalar doubled.
    static func doubling(_ scalar: Unicode.Scalar, in text: String) -> String { replacing(scalar, in: text, by: "\(scalar)\(scalar)") }

    static func replacing(_ scalar: Unicode.Scalar, in text: String, by replacement: String) -> String {
        var result = "".unicodeScalars
        for each in text.unicodeScalars {
            if each == scalar { result.append(contentsOf: replacement.unicodeScalars) } else { result.append(each) }
        }
        return String(result)
    }
}

/// A name in a statement: of a role, a database, an extension.
package struct SQLIdentifier: QuotedText {
    package let text: String

    /// The longest name that PostgreSQL stores, in bytes; it truncates a longer one silently.
    package static let longest = 63

    /// The name in double quotes.
    /// - Throws: for an empty name, one over 63 bytes, and one with a NUL.
    package init(_ name: String) throws(Unquotable) {
        if let fault = Self.fault(of: name) { throw Unquotable(fault) }
        text = "\"" + name.doubling("\"") + "\""
    }

    /// Why a text cannot be a name; nil if it can.
    package static func fault(of name: String) -> String? {
        if name.isEmpty { return "is empty" }
        if name.utf8.count > longest { return "is longer than \(longest) bytes" }
        if name.holds(0) { return "contains a NUL" }
        return nil
    }
}

/// A string constant in a statement, valid with any value of `standard_conforming_strings`.
package struct SQLLiteral: QuotedText {
    package let text: String

    /// - Throws: for a NUL.
    package init(_ value: String) throws(Unquotable) {
        guard !value.holds(0) else { throw Unquotable("contains a NUL") }
        let quoted = "'" + value.doubling("'") + "'"
        text = value.holds(UInt8(ascii: "\\")) ? "E" + quoted.doubling("\\") : quoted
    }
}

/// One or more statements: from a literal, which accepts only quoted names and values. If a statement accepts parameters, those are better.
package struct SQLText: QuotedText, ExpressibleByStringInterpolation {
    package let text: String

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        package init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity + interpolationCount * 16) }

        package mutating func appendLiteral(_ literal: StaticString) { text += literal.description }
        package mutating func appendInterpolation(_ name: SQLIdentifier) { text += name.text }
        package mutating func appendInterpolation(_ value: SQLLiteral) { text += value.text }
        package mutating func appendInterpolation(_ part: SQLText) { text += part.text }
        package mutating func appendInterpolation(_ number: some FixedWidthInteger) { text += String(number) }
    }

    package init(stringLiteral value: StaticString) { text = value.description }
    package init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    /// A whole script from a template or a person.
    package init(script: String) { text = script }
}

/// The argument of psql's `\connect`: a database, whatever its name.
package struct PsqlConnectArgument: QuotedText {
    package let text: String

    /// The name inside a connection string, so that the name itself is not read as one. The string is in the quotes of a meta-command, which are
    /// those of an identifier (as pg_dumpall does it).
    /// - Throws: for a text that cannot be the name of a database, and for a line break, which would end the meta-command.
    package init(database: String) throws(Unquotable) {
        if let fault = SQLIdentifier.fault(of: database) { throw Unquotable(fault) }
        guard !database.holds(10, 13) else { throw Unquotable("contains a newline") }
        text = "\"" + ConninfoText(dbname: database).text.doubling("\"") + "\""
    }
}

/// A libpq connection string in the form of keywords and values.
package struct ConninfoText: QuotedText {
    package let text: String

    package init(dbname: String) { text = "dbname='" + dbname.escaping("'", "\\") + "'" }
}

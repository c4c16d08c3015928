/// The value of a setting in `postgresql.conf` and the files that it includes.
package struct ConfigurationValue: QuotedText {
    package let text: String

    /// The value without quotes if the server's grammar certainly accepts it; otherwise in quotes, with escapes that keep it on one line. No value
    /// can begin a second setting.
    package init(_ value: String) {
        guard !Self.isBare(value.utf8[...]) else {
            text = value
            return
        }
        let quoted = value.mapped { scalar in
            switch scalar {
            case "'": "''"
            case "\\": #"\\"#
            case "\n": #"\n"#
            case "\r": #"\r"#
            default: nil
            }
        }
        text = "'" + quoted + "'"
    }

    /// Whether the scanner of configuration files (guc-file.l) reads the bytes as one value without quotes: a word (`ID`), a whole number followed by
    /// letters (`INTEGER`), or a fraction without letters (`REAL`). A fraction cannot have a unit.
    private static func isBare(_ bytes: Substring.UTF8View) -> Bool {
        guard let first = bytes.first else { return false }
        if first.isASCIILetter { return bytes.allSatisfy { $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "_") } }
        let digits = first == UInt8(ascii: "-") ? bytes.dropFirst() : bytes
        let rest = digits.drop(while: \.isASCIIDigit)
        guard rest.startIndex > digits.startIndex else { return false }
        guard rest.first == UInt8(ascii: ".") else { return rest.allSatisfy(\.isASCIILetter) }
        return rest.count > 1 && rest.dropFirst().allSatisfy(\.isASCIIDigit)
    }
}

/// The name of a role in a line of `pg_hba.conf`.
package struct AccessFileRole: QuotedText {
    package let text: String

    /// The name in quotes, so that it is not read as a keyword (`all`), as the members of a group (`+x`) or as a file (`@x`). Since PostgreSQL 16, a
    /// name that begins with a slash is a regular expression, quoted or not. Such a name is written as an expression that matches only this name.
    /// - Parameter version: the major version of PostgreSQL.
    package init(_ name: String, version: Int) {
        let isExpression = version >= 16 && name.utf8.first == UInt8(ascii: "/")
        text = "\"" + (isExpression ? Self.expression(name) : name).doubling("\"") + "\""
    }

    /// A backslash removes the special meaning of every ASCII character that is neither letter nor digit.
    private static func expression(_ name: String) -> String {
        "/^" + name.mapped { $0.isASCII && !UInt8($0.value).isASCIIAlphanumeric ? "\\\($0)" : nil } + "$"
    }
}

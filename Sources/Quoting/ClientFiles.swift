/// A field of a line in libpq's password file.
package struct PassfileField: QuotedText {
    package let text: String

    /// - Throws: for a line break or a NUL, which a line cannot contain.
    package init(_ value: String) throws(Unquotable) {
        guard !value.holds(0, 10, 13) else { throw Unquotable("contains a newline or a NUL, which a password file cannot hold") }
        text = value.escaping("\\", ":")
    }
}

/// A value in libpq's `pg_service.conf`, which has no quotes.
package struct ServiceFileValue: QuotedText {
    package let text: String

    /// - Throws: for a line break or a NUL, and for a value that ends in white space, because libpq removes it.
    package init(_ value: String) throws(Unquotable) {
        guard !value.holds(0, 10, 13) else { throw Unquotable("contains a newline or a NUL, which a service file cannot hold") }
        // The same characters as C's `isspace`.
        guard value.utf8.last.map({ " \t\u{B}\u{C}".utf8.contains($0) }) != true else { throw Unquotable("ends in white space, which a service file loses") }
        text = value
    }
}

/// A part of a URI: of its authority, a segment of its path, a name or a value of its query.
package struct URIPart: QuotedText {
    package let text: String

    /// Every byte except the unreserved characters of RFC 3986 is percent-encoded; a space becomes `%20`, never `+`.
    package init(_ value: String) { text = value.percentEncoded() }

    /// A part of a path for readers that do not decode it (node-postgres): characters that a path may contain unencoded and that have no meaning in a
    /// shell stay.
    package init(path value: String) { text = value.percentEncoded(leaving: "/:@=+,") }

    /// Names and values as a query, or as the body of a form.
    package static func query(_ pairs: some Sequence<(name: String, value: String)>) -> String {
        pairs.map { "\(URIPart($0.name))=\(URIPart($0.value))" }.joined(separator: "&")
    }
}

/// What a build or an import says of itself. A string is one without figures.
package struct ImageProgress: Sendable, Equatable, ExpressibleByStringInterpolation {
    package let text: String
    /// How many bytes are done, where the work is measured in bytes.
    package let bytes: Int64?
    /// How many there are in all, where that is known.
    package let totalBytes: Int64?

    init(_ text: String, bytes: Int64? = nil, of totalBytes: Int64? = nil) {
        self.text = text
        self.bytes = bytes
        self.totalBytes = totalBytes
    }

    package init(stringLiteral value: String) { self.init(value) }
}

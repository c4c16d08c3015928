/// A progress message from a build or an import. A string literal is a message without figures.
package struct ImageProgress: Sendable, Equatable, ExpressibleByStringInterpolation {
    package let text: String
    /// The number of bytes that are done, if the work is measured in bytes.
    package let bytes: Int64?
    /// The total number of bytes, if it is known.
    package let totalBytes: Int64?

    init(_ text: String, bytes: Int64? = nil, of totalBytes: Int64? = nil) {
        self.text = text
        self.bytes = bytes
        self.totalBytes = totalBytes
    }

    package init(stringLiteral value: String) { self.init(value) }
}

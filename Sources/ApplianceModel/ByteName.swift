/// A name as PostgreSQL compares it, byte for byte: Swift's strings take different encodings of one letter for the same.
package struct ByteName: Hashable, Sendable {
    private let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }
}

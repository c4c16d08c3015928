/// A name as PostgreSQL compares it, byte for byte: Swift's strings treat different encodings of one letter as equal.
package struct ByteName: Hashable, Sendable {
    private let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }
}

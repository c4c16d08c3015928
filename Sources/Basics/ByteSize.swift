/// A number of bytes, written as `512MiB`, `4GiB`, `20GB` or a plain number.
package struct ByteSize: Hashable, Sendable, Comparable, CustomStringConvertible, Codable {
    package let bytes: Int64

    package init(bytes: Int64) { self.bytes = bytes }

    package static func kibibytes(_ count: Int64) -> ByteSize { ByteSize(bytes: count.multipliedSaturated(by: 1 << 10)) }
    package static func mebibytes(_ count: Int64) -> ByteSize { ByteSize(bytes: count.multipliedSaturated(by: 1 << 20)) }
    package static func gibibytes(_ count: Int64) -> ByteSize { ByteSize(bytes: count.multipliedSaturated(by: 1 << 30)) }

    /// Whole mebibytes, rounded down.
    package var mebibytes: Int64 { bytes >> 20 }

    /// Addition and subtraction stay within the range of a number of bytes, because some sizes come from a server.
    package static func + (left: ByteSize, right: ByteSize) -> ByteSize { ByteSize(bytes: left.bytes.addingSaturated(right.bytes)) }
    package static func - (left: ByteSize, right: ByteSize) -> ByteSize { ByteSize(bytes: left.bytes.subtractingSaturated(right.bytes)) }

    package static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }

    /// Reads a whole number followed by an optional unit: B, KB/MB/GB/TB (powers of 1000), KiB/MiB/GiB/TiB or K/M/G/T
    /// (powers of 1024, as in QEMU and PostgreSQL). Returns nil for anything else, for signs, and beyond `Int64`.
    package init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits) else { return nil }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        guard let factor = Self.factors[unit.lowercased()] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    private static let factors: [String: Int64] = [
        "": 1, "b": 1,
        "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
        "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
        "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000, "tb": 1_000_000_000_000,
    ]

    /// Uses the largest binary unit that divides the value without remainder, so that reading it back gives the same value.
    package var description: String {
        for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] where bytes != 0 && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return "\(bytes)B"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let size = ByteSize(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not a size")
        }
        self = size
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

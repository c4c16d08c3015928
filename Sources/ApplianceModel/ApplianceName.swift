/// The name of an appliance: also the name of its directory, its guest's host name and its QEMU process name.
package struct ApplianceName: Hashable, Sendable, CustomStringConvertible, Codable {
    package let rawValue: String

    /// What a name must look like, for messages.
    package static let rule = "1 to 40 lower-case letters, digits and single hyphens, starting with a letter, not ending with a hyphen"

    /// Returns nil unless the text obeys `rule`.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard (1...40).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return nil }
        func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        let hyphen = UInt8(ascii: "-")
        guard isLetter(first), last != hyphen, bytes.allSatisfy({ isLetter($0) || isDigit($0) || $0 == hyphen }) else { return nil }
        guard !zip(bytes, bytes.dropFirst()).contains(where: { $0 == hyphen && $1 == hyphen }) else { return nil }
        rawValue = text
    }

    package var description: String { rawValue }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let name = ApplianceName(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not an appliance name")
        }
        self = name
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

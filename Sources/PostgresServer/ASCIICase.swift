/// Upper and lower case as PostgreSQL compares names and words: only ASCII letters, byte by byte.
enum ASCIICase {
    static func lowered(_ text: some StringProtocol) -> [UInt8] {
        text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    }

    static func same(_ left: some StringProtocol, _ right: some StringProtocol) -> Bool { lowered(left) == lowered(right) }
}

/// The name of a locale as glibc parses it: `language_TERRITORY.charset@modifier`.
struct LocaleName {
    let place: String
    let charset: String?
    let modifier: String?

    init(_ text: String) {
        var rest = Array(text.utf8)[...]
        func cut(at byte: UInt8) -> String? {
            guard let index = rest.firstIndex(of: byte) else { return nil }
            defer { rest = rest[..<index] }
            return String(decoding: rest[(index + 1)...], as: UTF8.self)
        }
        modifier = cut(at: UInt8(ascii: "@"))
        charset = cut(at: UInt8(ascii: "."))
        place = String(decoding: rest, as: UTF8.self)
    }

    /// The file that `localedef -i` reads.
    var source: String { modifier.map { "\(place)@\($0)" } ?? place }

    /// The C locale, which is built into glibc, with the bytes of any charset or of UTF-8.
    var isPlainC: Bool {
        guard modifier == nil, place == "C" || place == "POSIX" else { return false }
        return charset == nil || place == "C" && charset.map(Self.normalized) == "utf8"
    }

    func with(charset: String) -> String { "\(place).\(charset)" + (modifier.map { "@\($0)" } ?? "") }

    func isSame(as other: LocaleName) -> Bool {
        place == other.place && modifier == other.modifier && charset.map(Self.normalized) == other.charset.map(Self.normalized)
    }

    /// glibc compares charsets by their letters and digits, in lower case; a number alone means one of ISO's.
    static func normalized(_ charset: String) -> String {
        let kept = ASCIICase.lowered(charset).filter {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        let text = String(decoding: kept, as: UTF8.self)
        return !kept.isEmpty && kept.allSatisfy { $0 <= UInt8(ascii: "9") } ? "iso\(text)" : text
    }
}

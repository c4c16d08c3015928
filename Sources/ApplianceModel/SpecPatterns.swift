internal import Quoting

/// The forms that texts in a spec may have. They are checked by hand-written code, because a regular expression would need Foundation or more time to
/// start.
extension SpecRules {
    /// A text of the user's, formatted for a message: in quotes, on one line, not too long.
    package static func shown(_ text: some StringProtocol) -> String { "'\(escaped(text))'" }

    /// The same text without quotes.
    /// - Parameter limit: the most scalars; a longer text ends in `…`.
    package static func escaped(_ text: some StringProtocol, limit: Int = 80) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(limit) {
            if scalar.isControl { result += "\\u{\(String(scalar.value, radix: 16))}" } else { result.unicodeScalars.append(scalar) }
        }
        return text.unicodeScalars.count > limit ? result + "…" : result
    }

    /// Whether a key of the spec file, or the name of a setting, may contain the byte.
    package static func isKeyByte(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "_.-".utf8.contains(byte) }

    static func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    static func isUpper(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    static func isAlphanumeric(_ byte: UInt8) -> Bool { isLower(byte) || isUpper(byte) || isDigit(byte) }

    /// Whether `text` has 1 to `limit` bytes, the first of which passes `first` and the others `rest`.
    static func matches(_ text: some StringProtocol, limit: Int, first: (UInt8) -> Bool, rest: (UInt8) -> Bool) -> Bool {
        let bytes = Array(text.utf8)
        guard let head = bytes.first, bytes.count <= limit else { return false }
        return first(head) && bytes.dropFirst().allSatisfy(rest)
    }

    /// Whether the text is a name or key in the image cache.
    static func isImageName(_ text: String) -> Bool {
        matches(text, limit: 128, first: isAlphanumeric) { isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    /// `work_mem`, `pg_stat_statements.track`: letters, digits and underscores in lower case; the name of an extension's setting has one dot.
    package static func isSettingName(_ text: String) -> Bool {
        let underscore = UInt8(ascii: "_")
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 2, omittingEmptySubsequences: false)
        return text.utf8.count <= 127 && parts.count <= 2
            && parts.allSatisfy { part in
                guard let first = part.first, isLower(first) || first == underscore else { return false }
                return part.allSatisfy { isLower($0) || isDigit($0) || $0 == underscore }
            }
    }

    /// `pg_trgm`, `uuid-ossp`.
    package static func isExtensionName(_ text: String) -> Bool {
        matches(text, limit: 63, first: isLower) { isLower($0) || isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    /// Why a text cannot be the locale of a cluster, whose encoding is always UTF-8; nil if it can. Every spelling that the C library accepts is
    /// accepted. Only the guest's C library knows whether the locale exists.
    static func localeFault(_ text: String) -> String? {
        guard let name = LocaleName(text) else {
            return "\(shown(text)) is not a UTF-8 locale; allowed are C.UTF-8, C, POSIX and names such as de_CH.UTF-8"
        }
        guard let other = name.otherEncoding else { return nil }
        return "\(shown(text)) is \(other) to the C library, and the encoding is always UTF-8; write \(name.inUTF8)"
    }

    /// Why a text cannot be a time zone; nil for a name in the form of the IANA data base: `Europe/Zurich`, `America/Argentina/Ushuaia`, `Etc/GMT+5`,
    /// `EST5EDT`. Only the guest's PostgreSQL knows whether the zone exists.
    static func timeZoneFault(_ text: String) -> String? {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(Substring.init)
        let isName =
            (1...3).contains(parts.count) && text.utf8.count <= 64
            && parts.allSatisfy { part in
                matches(part, limit: 32, first: { isUpper($0) || isLower($0) }) {
                    isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+")
                }
            }
        guard let first = parts.first, parts.count > 1, ["posix", "right"].contains(first) else {
            return isName ? nil : "\(shown(text)) is not the name of a time zone; allowed are names such as Europe/Zurich or Etc/UTC"
        }
        let plain = shown(text.unicodeScalars.dropFirst(first.unicodeScalars.count + 1).map(String.init).joined())
        return first == "posix"
            ? "\(shown(text)) is \(plain) again, from a second copy that not every system has; write \(plain)"
            : "\(shown(text)) counts leap seconds, and PostgreSQL knows none; write \(plain)"
    }

    /// `a, b or c`: the values of a choice, for messages.
    package static func listed<Choice: RawRepresentable & CaseIterable>(_ choice: Choice.Type) -> String where Choice.RawValue == String {
        listed(choice.allCases.map(\.rawValue))
    }

    /// `a, b and c`; `nothing` if there are no words.
    package static func listed(_ words: [String]) -> String {
        guard let last = words.last, words.count > 1 else { return words.first ?? "nothing" }
        return words.dropLast().joined(separator: ", ") + " and " + last
    }
}

/// The forms that texts in a spec may have. Written out, because a regular expression would need Foundation or more time to start.
extension SpecRules {
    /// A character that steers a terminal or a file instead of being shown. The byte order mark counts too: nobody means it within
    /// a text, and readers drop it.
    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) || scalar == "\u{feff}"
    }

    /// A text of the user's as it may stand in a message: in quotes, on one line, not too long.
    package static func shown(_ text: some StringProtocol) -> String { "'\(escaped(text))'" }

    /// The same without quotes.
    /// - Parameter limit: of scalars; what is longer ends in `…`.
    package static func escaped(_ text: some StringProtocol, limit: Int = 80) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(limit) {
            if isControl(scalar) { result += "\\u{\(String(scalar.value, radix: 16))}" } else { result.unicodeScalars.append(scalar) }
        }
        return text.unicodeScalars.count > limit ? result + "…" : result
    }

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

    /// A name or key in the image cache.
    static func isImageName(_ text: String) -> Bool {
        matches(text, limit: 128, first: isAlphanumeric) { isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    /// `work_mem`, `pg_stat_statements.track`: letters, digits, underscores and dots, in lower case.
    package static func isSettingName(_ text: String) -> Bool {
        let underscore = UInt8(ascii: "_")
        return matches(text, limit: 63, first: { isLower($0) || $0 == underscore }) {
            isLower($0) || isDigit($0) || $0 == underscore || $0 == UInt8(ascii: ".")
        }
    }

    /// `pg_trgm`, `uuid-ossp`.
    package static func isExtensionName(_ text: String) -> Bool {
        matches(text, limit: 63, first: isLower) { isLower($0) || isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    /// `C`, `POSIX`, `C.UTF-8`, `de_CH.UTF-8`, `sr_RS.UTF-8@latin`: the encoding of a cluster is always UTF-8.
    package static func isLocale(_ text: String) -> Bool {
        if ["C", "POSIX", "C.UTF-8", "C.utf8"].contains(text) { return true }
        let halves = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count == 2 else { return false }
        let place = halves[0].split(separator: "_", omittingEmptySubsequences: false)
        guard place.count == 2, (2...3).contains(place[0].utf8.count), place[1].utf8.count == 2 else { return false }
        guard place[0].utf8.allSatisfy(isLower), place[1].utf8.allSatisfy(isUpper) else { return false }
        let ending = halves[1].split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let encoding = ending.first, encoding == "UTF-8" || encoding == "utf8" else { return false }
        return ending.count == 1 || matches(ending[1], limit: 20, first: isLower, rest: isLower)
    }

    /// A name as in the IANA data base: `Europe/Zurich`, `America/Argentina/Ushuaia`, `Etc/GMT+5`.
    package static func isTimeZone(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count), text.utf8.count <= 64 else { return false }
        return parts.allSatisfy { part in
            matches(part, limit: 32, first: { isUpper($0) || isLower($0) }) {
                isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+")
            }
        }
    }

    /// `a, b or c`: the values of a choice, for messages.
    package static func listed<Choice: RawRepresentable & CaseIterable>(_ choice: Choice.Type) -> String where Choice.RawValue == String {
        listed(choice.allCases.map(\.rawValue))
    }

    package static func listed(_ words: [String]) -> String {
        guard let last = words.last, words.count > 1 else { return words.first ?? "nothing" }
        return words.dropLast().joined(separator: ", ") + " and " + last
    }
}

/// The name of a locale in the C library's form: `language_TERRITORY.encoding@modifier`, of which only the first part is required.
package struct LocaleName: Sendable, Equatable {
    /// `de_CH`, `eo`, `C`, `POSIX`.
    package let place: String
    /// As written: `UTF-8`, `utf8`; nil if the name has none.
    package let encoding: String?
    /// `latin`, `euro`.
    package let modifier: String?

    /// - Returns: nil if the text does not have this form. Only a C library knows whether the locale exists.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        var rest = bytes[...]
        let modifier = rest.firstIndex(of: UInt8(ascii: "@")).map { index in
            defer { rest = rest[..<index] }
            return rest[(index + 1)...]
        }
        let encoding = rest.firstIndex(of: UInt8(ascii: ".")).map { index in
            defer { rest = rest[..<index] }
            return rest[(index + 1)...]
        }
        guard Self.isPlace(rest) else { return nil }
        if let encoding {
            guard (1...20).contains(encoding.count), encoding.allSatisfy({ SpecRules.isAlphanumeric($0) || "-_:".utf8.contains($0) }) else { return nil }
        }
        if let modifier {
            guard (1...20).contains(modifier.count), modifier.allSatisfy({ SpecRules.isLower($0) || SpecRules.isDigit($0) }) else { return nil }
        }
        func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
        place = string(rest)
        self.encoding = encoding.map(string)
        self.modifier = modifier.map(string)
    }

    /// `C`, `POSIX`, or a language of two or three letters, optionally with a territory of two.
    private static func isPlace(_ bytes: ArraySlice<UInt8>) -> Bool {
        if ["C", "POSIX"].contains(where: { bytes.elementsEqual($0.utf8) }) { return true }
        let language = bytes.prefix(while: SpecRules.isLower)
        guard (2...3).contains(language.count) else { return false }
        let territory = bytes.dropFirst(language.count)
        return territory.isEmpty || territory.count == 3 && territory.first == UInt8(ascii: "_") && territory.dropFirst().allSatisfy(SpecRules.isUpper)
    }

    /// The encoding as the C library compares it: only letters and digits, in lower case. `UTF-8`, `utf8` and `Utf_8` are the same.
    private var normalizedEncoding: String? {
        encoding.map { String(decoding: $0.utf8.filter(SpecRules.isAlphanumeric).map { SpecRules.isUpper($0) ? $0 | 0x20 : $0 }, as: UTF8.self) }
    }

    /// The common spelling of all names of one locale.
    package var normalized: String { place + (normalizedEncoding.map { ".\($0)" } ?? "") + suffix }

    private var suffix: String { modifier.map { "@\($0)" } ?? "" }

    /// The same locale with UTF-8, in the usual spelling.
    package var inUTF8: String { "\(place == "POSIX" ? "C" : place).UTF-8\(suffix)" }

    /// The encoding that the C library uses for the name, if it is not UTF-8; nil for UTF-8, and for `C` and `POSIX`, which accept any.
    package var otherEncoding: String? {
        switch (place, normalizedEncoding) {
        case ("C", nil), ("POSIX", nil): modifier == nil ? nil : "no locale"
        case ("POSIX", _): "no locale"
        case (_, "utf8"): nil
        case (_, nil): Self.oldEncodings[place + suffix]
        case (_, _): encoding
        }
    }

    /// Whether two names mean the same locale, regardless of spelling.
    package static func isSame(_ left: String, _ right: String) -> Bool {
        guard let one = LocaleName(left), let other = LocaleName(right) else { return left == right }
        return one.normalized == other.normalized
    }
}

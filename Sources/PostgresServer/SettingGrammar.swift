internal import Glibc

/// How PostgreSQL reads the text of a value, by the rules of its `guc.c` and `bool.c`.
enum SettingGrammar {
    /// The result of reading a number.
    enum Number: Equatable {
        /// In the unit of the setting, before it is rounded.
        case value(Double)
        case notANumber
        /// What follows the number is not a unit of the setting's kind, or the setting does not accept a unit.
        case badUnit(String)
    }

    /// Any prefix of true, false, yes and no; on, off and its prefix `of`; 1 and 0. Nil for everything else.
    static func boolean(_ text: String) -> Bool? {
        let given = ASCIICase.lowered(text)
        func begins(_ word: String, least: Int = 1) -> Bool { given.count >= least && Array(word.utf8).starts(with: given) }
        if begins("true") || begins("yes") || begins("on", least: 2) || given == [UInt8(ascii: "1")] { return true }
        if begins("false") || begins("no") || begins("off", least: 2) || given == [UInt8(ascii: "0")] { return false }
        return nil
    }

    /// A whole number, decimal, octal (`017`) or hexadecimal (`0x1F`); with a point or an exponent, or beyond 64 bits, as a fraction.
    /// - Parameters:
    ///   - unit: the setting's unit, as `pg_settings` names it.
    ///   - readsBinary: whether `0b101` is a number.
    static func integer(_ text: String, unit: String?, readsBinary: Bool) -> Number {
        let bytes = Array(text.utf8)
        var (value, end) = wholeNumber(bytes, readsBinary: readsBinary)
        let next = end < bytes.count ? bytes[end] : 0
        if value == nil || [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(next) {
            guard let fraction = fraction(text) else { return .notANumber }
            (value, end) = (fraction.value, fraction.length)
        }
        guard let value, end > 0, !value.isNaN else { return .notANumber }
        return withUnit(value, bytes[end...], unit: unit)
    }

    /// A number as C's `strtod` reads it, hexadecimal fractions and `inf` included.
    static func real(_ text: String, unit: String?) -> Number {
        guard let (value, length) = fraction(text), length > 0, !value.isNaN else { return .notANumber }
        return withUnit(value, Array(text.utf8)[length...], unit: unit)
    }

    /// The units that a value may have, the largest first; empty if the setting does not accept a unit.
    static func units(of unit: String?) -> [String] { table(unit).map(\.name) }

    // MARK: - Numbers

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// `strtol` with base 0.
    /// - Returns: the value, nil beyond 64 bits; and the end of the number in the text, 0 if there is no number at the beginning.
    private static func wholeNumber(_ bytes: [UInt8], readsBinary: Bool) -> (value: Double?, end: Int) {
        var index = bytes.firstIndex { !isSpace($0) } ?? bytes.count
        var isNegative = false
        if index < bytes.count, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
            isNegative = bytes[index] == UInt8(ascii: "-")
            index += 1
        }
        var base: UInt64 = 10
        if index < bytes.count, bytes[index] == UInt8(ascii: "0") {
            base = 8
            if index + 2 < bytes.count {
                let letter = bytes[index + 1] | 0x20
                if letter == UInt8(ascii: "x"), digit(bytes[index + 2], base: 16) != nil { (base, index) = (16, index + 2) }
                if letter == UInt8(ascii: "b"), readsBinary, digit(bytes[index + 2], base: 2) != nil { (base, index) = (2, index + 2) }
            }
        }
        let first = index
        var magnitude: UInt64? = 0
        while index < bytes.count, let next = digit(bytes[index], base: base) {
            magnitude = magnitude.flatMap { known in
                let (product, tooLarge) = known.multipliedReportingOverflow(by: base)
                let (sum, carries) = product.addingReportingOverflow(next)
                return tooLarge || carries ? nil : sum
            }
            index += 1
        }
        guard index > first else { return (0, 0) }
        guard let magnitude, magnitude <= (isNegative ? UInt64(1) << 63 : UInt64(Int64.max)) else { return (nil, index) }
        return (isNegative ? -Double(magnitude) : Double(magnitude), index)
    }

    private static func digit(_ byte: UInt8, base: UInt64) -> UInt64? {
        let value: UInt8
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): value = byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): value = byte - UInt8(ascii: "A") + 10
        default: return nil
        }
        return value < base ? UInt64(value) : nil
    }

    /// - Returns: nil if a Double cannot hold the value because it is too large or too small.
    private static func fraction(_ text: String) -> (value: Double, length: Int)? {
        text.withCString { start in
            var end: UnsafeMutablePointer<CChar>?
            errno = 0
            let value = strtod(start, &end)
            guard errno != ERANGE, let end else { return nil }
            return (value, UnsafePointer(end) - start)
        }
    }

    // MARK: - Units

    private static func withUnit(_ value: Double, _ rest: ArraySlice<UInt8>, unit: String?) -> Number {
        let rest = rest.drop(while: isSpace)
        if rest.isEmpty { return .value(value) }
        let given = rest.prefix { !isSpace($0) }
        let table = table(unit)
        guard rest.dropFirst(given.count).allSatisfy(isSpace), let index = table.firstIndex(where: { given.elementsEqual($0.name.utf8) }) else {
            return .badUnit(String(decoding: rest, as: UTF8.self))
        }
        var converted = value * table[index].factor
        // So 30.1GB is a whole number of megabytes.
        if index + 1 < table.count { converted = (converted / table[index + 1].factor).rounded(.toNearestOrEven) * table[index + 1].factor }
        return .value(converted)
    }

    /// The units of a setting's kind with their size in the setting's own unit, the largest first.
    private static func table(_ unit: String?) -> [(name: String, factor: Double)] {
        guard let unit else { return [] }
        let count = unit.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
        let base = String(decoding: unit.utf8.dropFirst(count), as: UTF8.self)
        let multiple = count == 0 ? 1 : Double(String(decoding: unit.utf8.prefix(count), as: UTF8.self)) ?? 1
        for scale in [memory, time] {
            guard let own = scale.first(where: { $0.name == base })?.size else { continue }
            return scale.map { ($0.name, $0.size / (own * multiple)) }
        }
        return []
    }

    /// In bytes.
    private static let memory: [(name: String, size: Double)] = [
        ("TB", 1_099_511_627_776), ("GB", 1_073_741_824), ("MB", 1_048_576), ("kB", 1024), ("B", 1),
    ]

    /// In microseconds.
    private static let time: [(name: String, size: Double)] = [
        ("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1000), ("us", 1),
    ]
}

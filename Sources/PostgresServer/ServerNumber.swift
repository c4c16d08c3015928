/// A number as PostgreSQL reads the value of a setting: decimal, octal (`010`), hexadecimal (`0x10`) or with a fraction or exponent, with or without
/// a unit of memory.
enum ServerNumber {
    /// The value in bytes, or in whatever the setting counts.
    /// - Parameter unit: what a number without a unit counts, in bytes; 1 for a setting without units.
    /// - Returns: nil if the server does not accept the text as a number. A value below zero is returned unchanged: it means the same in every unit.
    static func value(_ text: String, unit: Double) -> Double? {
        var rest = trimmed(text.utf8[...])
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        guard let number = number(&rest) else { return nil }
        guard !isNegative else { return rest.isEmpty || factors[name(rest)] != nil ? -number : nil }
        guard !rest.isEmpty else { return number * unit }
        guard let factor = factors[name(rest)] else { return nil }
        // A fraction of a unit is rounded to the next smaller one.
        let smaller = max(factor / 1024, 1)
        return (number * factor / smaller).rounded(.toNearestOrEven) * smaller
    }

    private static let factors: [String: Double] = ["B": 1, "kB": 0x1p10, "MB": 0x1p20, "GB": 0x1p30, "TB": 0x1p40]

    private static func name(_ unit: Substring.UTF8View) -> String { String(decoding: trimmed(unit), as: UTF8.self) }

    /// The number at the beginning, which is removed from the text.
    private static func number(_ rest: inout Substring.UTF8View) -> Double? {
        if rest.starts(with: "0x".utf8) || rest.starts(with: "0X".utf8) {
            rest = rest.dropFirst(2)
            return whole(&rest, radix: 16)
        }
        let digits = rest.prefix(while: isDigit)
        let isFraction = rest.dropFirst(digits.count).first.map { ".eE".utf8.contains($0) } ?? false
        return isFraction ? fraction(&rest) : whole(&rest, radix: digits.first == UInt8(ascii: "0") ? 8 : 10)
    }

    private static func whole(_ rest: inout Substring.UTF8View, radix: Double) -> Double? {
        var value: Double?
        while let byte = rest.first, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, Double(digit) < radix {
            value = (value ?? 0) * radix + Double(digit)
            rest = rest.dropFirst()
        }
        return value
    }

    private static func fraction(_ rest: inout Substring.UTF8View) -> Double? {
        var text: [UInt8] = [UInt8(ascii: "0")]
        func takeDigits() -> Bool {
            let digits = rest.prefix(while: isDigit)
            text += digits
            rest = rest.dropFirst(digits.count)
            return !digits.isEmpty
        }
        var isNumber = takeDigits()
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            text.append(UInt8(ascii: "."))
            isNumber = takeDigits() || isNumber
            text.append(UInt8(ascii: "0"))
        }
        guard isNumber else { return nil }
        if let exponent = rest.first, "eE".utf8.contains(exponent) {
            rest = rest.dropFirst()
            text.append(exponent)
            if let sign = rest.first, "+-".utf8.contains(sign) {
                rest = rest.dropFirst()
                text.append(sign)
            }
            guard takeDigits() else { return nil }
        }
        return Double(String(decoding: text, as: UTF8.self))
    }

    private static func trimmed(_ bytes: Substring.UTF8View) -> Substring.UTF8View {
        var bytes = bytes.drop(while: isBlank)
        while let last = bytes.last, isBlank(last) { bytes = bytes.dropLast() }
        return bytes
    }

    private static func isBlank(_ byte: UInt8) -> Bool { " \t\n\r\u{b}\u{c}".utf8.contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

/// Time zones that need no file: PostgreSQL also accepts hours east of Greenwich and POSIX rules.
enum TimeZoneText {
    /// Whether the text may be hours (`-7.5`), an interval, or a rule such as `EST5EDT` or `<+03>-3`.
    ///
    /// The server checks what follows the first offset of a rule.
    static func isRule(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first else { return false }
        if ASCIICase.lowered(text).starts(with: "interval".utf8) { return true }
        if case .value(let hours) = SettingGrammar.real(text, unit: nil) { return hours.isFinite }
        var rest = bytes[...]
        if first == UInt8(ascii: "<") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: ">")) else { return false }
            rest = bytes[(end + 1)...]
        } else {
            rest = bytes.drop { !isDigit($0) && ![UInt8(ascii: ","), UInt8(ascii: "-"), UInt8(ascii: "+")].contains($0) }
        }
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        return rest.first.map(isDigit) ?? false
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

/// Text in one of systemd's unit files, or in a property for `systemd-run`.
package struct UnitText: QuotedText {
    package let text: String

    private init(text: String) { self.text = text }

    /// A word of a command, in double quotes if it needs them; a `%` has no meaning here, as in the arguments of `systemd-run`.
    /// - Throws: for control characters, which not every setting can represent.
    package init(word value: String) throws(Unquotable) {
        guard !value.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else { throw Unquotable("has control characters") }
        let isPlain = !value.isEmpty && value.utf8.allSatisfy { $0.isASCIIAlphanumeric || "/._-+:@=,".utf8.contains($0) }
        text = isPlain ? value : "\"" + value.escaping("\\", "\"") + "\""
    }

    /// A word of a unit file, in double quotes, with `%` escaped.
    /// - Throws: for control characters.
    package init(fileWord value: String) throws(Unquotable) {
        let word = try UnitText(word: value).text.doubling("%")
        text = word.utf8.first == UInt8(ascii: "\"") ? word : "\"\(word)\""
    }

    /// The words that run a program. systemd does not accept quotes and backslashes in the name of the program that it executes; `env` does.
    /// - Throws: for control characters.
    package static func program(_ path: String, inFile: Bool) throws(Unquotable) -> UnitText {
        let isTaken = !path.holds(UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"))
        let word = inFile ? try UnitText(fileWord: path) : try UnitText(word: path)
        return UnitText(text: (isTaken ? "" : "/usr/bin/env ") + word.text)
    }
}

internal import ApplianceModel
internal import Quoting

/// How to write a line that YAML does not accept, or misinterprets, because its value begins with one of YAML's signs or contains one.
struct YAMLAdvice {
    private let lines: [Substring.UTF8View]

    init(_ text: String) { lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { Substring($0).utf8 } }

    /// Whether the line contains a tab.
    func holdsTab(line: Int) -> Bool { bytes(of: line)?.contains(UInt8(ascii: "\t")) ?? false }

    /// Whether there is a tab before the first word of the line.
    func isIndentedByTab(line: Int) -> Bool { bytes(of: line)?.prefix(while: Self.isBlank).contains(UInt8(ascii: "\t")) ?? false }

    /// The line with its value in quotes; nil if the value is not the cause.
    /// - Parameters:
    ///   - line: from 1.
    ///   - column: where the reader stopped, from 1, in scalars; it selects the entry of a list or a section written on one line.
    func quoted(line: Int, column: Int? = nil) -> String? {
        guard let bytes = bytes(of: line) else { return nil }
        let (key, value) = Self.parts(bytes)
        guard let first = value.first else { return nil }
        if Self.brackets.contains(first), Self.takesMany(key) {
            // The brackets are intended; a value within them may be the cause.
            guard let column, let entry = Self.entry(Array(bytes), at: column), let sign = entry.first else { return nil }
            return Self.brackets.contains(sign) || !Self.isToBlame(entry[...]) ? nil : Self.quote(entry)
        }
        guard Self.isToBlame(value) else { return nil }
        return (key.isEmpty ? "" : Self.text(key) + ": ") + Self.quote(Array(value))
    }

    private func bytes(of line: Int) -> ArraySlice<UInt8>? {
        guard lines.indices.contains(line - 1) else { return nil }
        let bytes = Array(lines[line - 1])
        return bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes[...]
    }

    private static let brackets = Set("[{".utf8)

    /// What a value may not begin with.
    private static let signs = Set("%@`*&!|>[]{},".utf8)

    /// Whether YAML does not read the value as one text from its first to its last byte.
    private static func isToBlame(_ value: ArraySlice<UInt8>) -> Bool {
        guard let first = value.first else { return false }
        switch first {
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            // A quote that begins a value ends it too.
            let inner = value.dropFirst().dropLast()
            return value.count < 2 || value.last != first || inner.contains(first) || first == UInt8(ascii: "\"") && inner.contains(UInt8(ascii: "\\"))
        case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"):
            return value.dropFirst().first.map(isBlank) ?? true
        case UInt8(ascii: "#"):
            return value.dropFirst().first.map { !isBlank($0) } ?? false
        default:
            return signs.contains(first) || holdsColon(value)
        }
    }

    /// Key and value of a line, without the dash of a list's entry and without a comment.
    private static func parts(_ line: ArraySlice<UInt8>) -> (key: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        var rest = line.drop(while: isBlank)
        if rest.first == UInt8(ascii: "-"), rest.dropFirst().first == UInt8(ascii: " ") { rest = rest.dropFirst().drop(while: isBlank) }
        let key = rest.prefix { SpecRules.isKeyByte($0) }
        let behind = rest.dropFirst(key.count)
        guard !key.isEmpty, behind.first == UInt8(ascii: ":"), behind.dropFirst().first.map(isBlank) ?? true else { return ([], trimmed(rest)) }
        return (key, trimmed(behind.dropFirst()))
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    /// The bytes without blanks around them and without a comment after them.
    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var value = bytes.drop(while: isBlank)
        for index in value.indices where value[index] == UInt8(ascii: "#") && index > value.startIndex && isBlank(value[index - 1]) {
            value = value[..<index]
            break
        }
        while let last = value.last, isBlank(last) { value = value.dropLast() }
        return value
    }

    /// Whether the key takes a list or a section.
    private static func takesMany(_ key: ArraySlice<UInt8>) -> Bool {
        let name = text(key)
        return SpecKeys.all.contains { entry in
            guard entry.name == name else { return false }
            switch entry.form {
            case .section, .entries, .words, .texts: return true
            default: return false
            }
        }
    }

    /// The value that begins at or before a column of a list or section in one line, up to the comma or bracket after it.
    private static func entry(_ line: [UInt8], at column: Int) -> [UInt8]? {
        let scalars = String(decoding: line, as: UTF8.self).unicodeScalars
        guard column >= 1, column <= scalars.count else { return nil }
        let rest = Array(String(scalars.dropFirst(column - 1)).utf8)
        let value = trimmed(rest.prefix { !",]}".utf8.contains($0) })
        return value.isEmpty ? nil : Array(value)
    }

    private static func holdsColon(_ value: ArraySlice<UInt8>) -> Bool {
        zip(value, value.dropFirst()).contains { $0 == UInt8(ascii: ":") && isBlank($1) }
    }

    /// The value in single quotes. Between them, only a single quote has a special meaning.
    private static func quote(_ value: [UInt8]) -> String {
        var value = value[...]
        var end = ""
        // In a list or section of several lines, the comma belongs to YAML.
        if value.count > 1, value.last == UInt8(ascii: ",") {
            value = value.dropLast()
            end = ","
        }
        // Quotes that the user meant as quotes are not doubled.
        for quote in "'\"".utf8 where value.count > 1 && value.first == quote && value.last == quote {
            value = value.dropFirst().dropLast()
            break
        }
        return SpecRules.escaped(YAMLScalar(advised: text(value)).text, limit: 200) + end
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}

internal import ApplianceModel

/// A key of a file that is to be written, with what stands behind it.
struct YAMLEntry: Equatable {
    let key: String
    let value: Value

    enum Value: Equatable {
        /// As it is written, on one line.
        case scalar(String)
        case section([YAMLEntry])
        case list([[YAMLEntry]])
    }
}

/// Gathers the few forms of YAML that a spec file needs; any text comes back as it was.
struct YAMLWriter {
    private(set) var entries: [YAMLEntry] = []

    mutating func pair(_ key: String, _ value: String) { add(Self.quoted(key), .scalar(Self.quoted(value))) }
    mutating func pair(_ key: String, _ value: String?) { if let value { pair(key, value) } }
    mutating func pair(_ key: String, _ value: Int?) { if let value { add(key, .scalar("\(value)")) } }
    mutating func pair(_ key: String, _ value: Bool) { add(key, .scalar("\(value)")) }
    mutating func pair(_ key: String, _ value: ByteSize) { add(key, .scalar("\(value)")) }
    mutating func pair(_ key: String, _ values: [String]) {
        add(key, .scalar("[\(values.map(Self.quoted).joined(separator: ", "))]"))
    }

    mutating func section(_ key: String, _ body: (inout YAMLWriter) -> Void) { add(key, .section(Self.entries(body))) }

    mutating func list<Value>(_ key: String, _ values: [Value], _ body: (Value, inout YAMLWriter) -> Void) {
        add(key, .list(values.map { value in Self.entries { body(value, &$0) } }))
    }

    private static func entries(_ body: (inout YAMLWriter) -> Void) -> [YAMLEntry] {
        var writer = YAMLWriter()
        body(&writer)
        return writer.entries
    }

    private mutating func add(_ key: String, _ value: YAMLEntry.Value) { entries.append(YAMLEntry(key: key, value: value)) }

    /// The text as a YAML scalar: plain where nobody could read it as anything else, otherwise in double quotes.
    static func quoted(_ text: String) -> String {
        if isSafePlain(text) { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where isPrintable(scalar): result.unicodeScalars.append(scalar)
            default: result += escape(scalar)
            }
        }
        return result + "\""
    }

    private static func isSafePlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, first | 0x20 >= UInt8(ascii: "a"), first | 0x20 <= UInt8(ascii: "z") else { return false }
        let safe = text.utf8.allSatisfy { byte in
            byte < 0x80 && (Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber || "._/-+".utf8.contains(byte))
        }
        // The words that YAML 1.1 takes for a boolean, nothing or a number.
        return safe && !["y", "n", "yes", "no", "true", "false", "on", "off", "null"].contains(text.lowercased())
    }

    /// Whether a character may stand in the file as it is: visible, and no line break of any kind.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        return "\\\(letter)" + String(repeating: "0", count: width - digits.count) + digits
    }
}

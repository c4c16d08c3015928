internal import ApplianceModel
internal import Basics
internal import Quoting

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

    mutating func pair(_ key: String, _ value: String) { add(YAMLScalar(key).text, .scalar(YAMLScalar(value).text)) }
    mutating func pair(_ key: String, _ value: String?) { if let value { pair(key, value) } }
    mutating func pair(_ key: String, _ value: Int?) { if let value { add(key, .scalar("\(value)")) } }
    mutating func pair(_ key: String, _ value: Bool) { add(key, .scalar("\(value)")) }
    mutating func pair(_ key: String, _ value: ByteSize) { add(key, .scalar("\(value)")) }
    mutating func pair(_ key: String, _ values: [String]) {
        add(key, .scalar("[\(values.map { YAMLScalar($0).text }.joined(separator: ", "))]"))
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
}

package import ApplianceModel
internal import Basics
internal import Quoting

/// Reads one value at a time, as a person answers a question.
extension SpecFile {
    /// The spec with another value of one key, read and checked as if it were in a file.
    /// - Parameters:
    ///   - key: a key of `SpecKeys` with one value, such as `data.size`.
    ///   - text: the value as a file has it; nil leaves the key out, so that its default applies.
    /// - Throws: `spec.invalid` with what is wrong and what is allowed.
    package static func setting(_ key: String, of spec: ApplianceSpec, to text: String?) throws -> ApplianceSpec {
        let changed = replacing(key.split(at: ".")[...], in: ApplianceSpec.entries(spec), by: text.map { scalar($0, of: key) })
        let examined = try read(Array((YAMLText.lines(changed).map(\.text).joined(separator: "\n") + "\n").utf8), file: key)
        guard let answered = examined.spec, examined.faults.isEmpty else {
            throw Failure(.specInvalid, examined.faults.map { fault in (fault.path.map { "\($0): " } ?? "") + fault.message }.joined(separator: "\n"))
        }
        return answered
    }

    private static func replacing(_ path: ArraySlice<Substring>, in entries: [YAMLEntry], by scalar: String?) -> [YAMLEntry] {
        guard let name = path.first else { return entries }
        guard path.count > 1 else {
            let others = entries.filter { $0.key != name }
            return others + (scalar.map { [YAMLEntry(key: String(name), value: .scalar($0))] } ?? [])
        }
        return entries.map { entry in
            guard entry.key == name, case .section(let inner) = entry.value else { return entry }
            return YAMLEntry(key: entry.key, value: .section(replacing(path.dropFirst(), in: inner, by: scalar)))
        }
    }

    /// In a file, numbers and sizes are written without quotes; this is how the reader distinguishes them from texts.
    private static func scalar(_ text: String, of key: String) -> String {
        let isNumber =
            switch SpecKeys.key(at: key)?.form {
            case .number, .port, .size: true
            default: false
            }
        let first = (text.begins(with: "-") ? text.dropFirst() : text[...]).first
        let isPlain = isNumber && first?.isNumber == true && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || " .-".contains($0)) }
        return isPlain ? text : YAMLScalar(text).text
    }
}

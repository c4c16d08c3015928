internal import ApplianceModel
internal import Basics
internal import Quoting
internal import Yams

/// A mapping of the file: its keys with their nodes, and its place.
struct Section {
    let path: String
    let fields: [(key: String, value: Node)]

    func value(_ key: String) -> Node? { fields.first { $0.key == key }?.value }
    func has(_ key: String) -> Bool { value(key) != nil }
    /// Whether one of the keys of these paths is present with a value.
    func has(anyOf paths: Set<String>) -> Bool { fields.contains { paths.contains(path(of: $0.key)) && !isNull($0.key) } }
    func line(_ key: String) -> Int? { value(key)?.mark?.line }
    func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
    /// Whether the key is present without a value.
    func isNull(_ key: String) -> Bool { value(key)?.scalar.map(YAMLValue.isNull) ?? false }
}

/// How YAML interprets a plain word.
enum YAMLValue {
    static func isPlain(_ scalar: Node.Scalar) -> Bool { scalar.style == .plain || scalar.style == .any }

    static func isNull(_ scalar: Node.Scalar) -> Bool {
        isPlain(scalar) && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    static func isBoolean(_ scalar: Node.Scalar) -> Bool {
        isPlain(scalar) && ["yes", "no", "true", "false", "on", "off"].contains(scalar.string.lowercased())
    }

    /// Whether a YAML reader would read the word as a number: 17, 1_000, 0x1F, 0o17, 1.5, 1e3.
    static func isNumber(_ scalar: Node.Scalar) -> Bool {
        let digits = scalar.string.filter { $0 != "_" }
        guard isPlain(scalar), let first = digits.drop(while: { "+-.".contains($0) }).first, ("0"..."9").contains(first) else { return false }
        return Double(digits) != nil || digits.begins(with: "0o")
    }
}

extension SpecReader {
    /// The keys of a mapping; unknown ones are faults. A key without a value in front of a section means an empty section.
    /// - Parameter keys: the known keys; nil accepts any.
    mutating func section(_ node: Node, at path: String, keys: [String]?) -> Section {
        if !path.isEmpty { note(node, at: path) }
        if isRefused(node, at: path) { return Section(path: path, fields: []) }
        guard case .mapping(let mapping) = node else {
            if node.scalar.map(YAMLValue.isNull) != true {
                let allowed = keys.map { "; allowed are the keys \(SpecRules.listed($0))" } ?? ""
                report(node.mark?.line, path, "must be a section with keys\(allowed)")
            }
            return Section(path: path, fields: [])
        }
        var fields: [(key: String, value: Node)] = []
        let prefix = path.isEmpty ? "" : "\(path)."
        for (keyNode, value) in mapping {
            guard let key = keyNode.scalar?.string else {
                report(keyNode.mark?.line, path.isEmpty ? "file" : path, "holds a key that is not a word")
                continue
            }
            if let keys, !keys.contains(key) {
                reportUnknown(key, at: prefix, line: keyNode.mark?.line, keys: keys)
                continue
            }
            if isRefused(keyNode, at: prefix + key) { continue }
            note(value, at: prefix + key)
            fields.append((key, value))
        }
        return Section(path: path, fields: fields)
    }

    private mutating func reportUnknown(_ key: String, at prefix: String, line: Int?, keys: [String]) {
        let path = prefix + key
        if key == "<<" { return report(line, path, "merge keys are not supported; write the keys out") }
        if let near = Suggestion.nearest(to: key, among: keys) { return report(line, path, "unknown key; did you mean '\(prefix)\(near)'?") }
        if let home = SpecKeys.home(of: key) { return report(line, path, "unknown key here; did you mean '\(home)'?") }
        let isSetting = prefix == "postgresql." && SettingRules.canonicalName(key) != nil
        report(
            line, path,
            "unknown key; allowed are \(SpecRules.listed(keys))" + (isSetting ? "; settings of postgresql.conf belong under 'postgresql.settings'" : ""))
    }

    mutating func child(_ parent: Section, _ key: String, _ keys: [String]) -> Section {
        guard let node = parent.value(key) else { return Section(path: parent.path(of: key), fields: []) }
        return section(node, at: parent.path(of: key), keys: keys)
    }

    /// The entries of a list with their paths; empty if the key is missing or has no value, and if the list is too long.
    /// - Parameter what: the entries, in the plural, for the message: `roles`.
    mutating func items(_ section: Section, _ key: String, limit: Int, _ what: String) -> [(path: String, node: Node)] {
        guard let node = section.value(key), !section.isNull(key) else { return [] }
        let path = section.path(of: key)
        if isRefused(node, at: path) { return [] }
        guard case .sequence(let sequence) = node else {
            report(node.mark?.line, path, "must be a list; write '[a, b]' or one line with '- ' for each entry")
            return []
        }
        if let fault = SpecLimits.fault(path, sequence.count, limit, what) {
            report(node.mark?.line, path, fault.message)
            return []
        }
        return sequence.enumerated().map { index, node in
            note(node, at: "\(path)[\(index)]")
            return ("\(path)[\(index)]", node)
        }
    }

    /// Reports a required key that is missing.
    mutating func require(_ section: Section, _ key: String) {
        // A list entry that is not a section has already been reported.
        if !section.has(key), !isFaulty(section.path) { report(nil, section.path(of: key), "is missing") }
    }

    /// Reads a text that represents a value.
    mutating func text<Value>(_ text: SpecText<Value>, _ node: Node, at path: String) -> Value? {
        guard let written = self.text(node, at: path) else { return nil }
        do {
            return try text.parse(written)
        } catch {
            report(node.mark?.line, path, error.message)
            return nil
        }
    }

    /// Reads a text; what YAML reads as a number, a boolean or nothing must be in quotes.
    private mutating func text(_ node: Node, at path: String) -> String? {
        guard let scalar = scalar(node, at: path, wanted: "a text") else { return nil }
        let kind = YAMLValue.isBoolean(scalar) ? "a boolean" : YAMLValue.isNumber(scalar) ? "a number" : nil
        guard let kind else { return scalar.string }
        report(node.mark?.line, path, "must be a text, and YAML reads \(scalar.string) as \(kind); write it in quotes: '\(scalar.string)'")
        return nil
    }

    mutating func number(_ section: Section, _ key: String) -> Int? {
        let path = section.path(of: key)
        guard let node = section.value(key), let scalar = scalar(node, at: path, wanted: "a whole number") else { return nil }
        let digits = scalar.string.begins(with: "-") ? scalar.string.dropFirst() : scalar.string[...]
        let isDecimal = digits.allSatisfy { $0.isASCII && $0.isNumber } && (digits == "0" || !digits.begins(with: "0"))
        guard YAMLValue.isPlain(scalar), isDecimal, let number = Int(scalar.string) else {
            let quotes = YAMLValue.isPlain(scalar) ? "" : " in quotes"
            report(node.mark?.line, path, "must be a whole number such as 2, not \(SpecRules.shown(scalar.string))\(quotes)")
            return nil
        }
        return number
    }

    /// Reads `true` or `false`, but none of YAML 1.1's other words for them.
    mutating func flag(_ section: Section, _ key: String) -> Bool? {
        let path = section.path(of: key)
        guard let node = section.value(key), let scalar = scalar(node, at: path, wanted: "true or false") else { return nil }
        if YAMLValue.isPlain(scalar), let value = Bool(scalar.string) { return value }
        report(node.mark?.line, path, "must be true or false, not \(SpecRules.shown(scalar.string))")
        return nil
    }

    mutating func port(_ section: Section, _ key: String) -> UInt16? {
        guard let number = number(section, key) else { return nil }
        if let port = UInt16(exactly: number) { return port }
        report(section.line(key), section.path(of: key), "\(number) is not a port; allowed are \(SpecLimits.ports.words)")
        return nil
    }

    mutating func size(_ section: Section, _ key: String) -> ByteSize? {
        let path = section.path(of: key)
        guard let node = section.value(key), let scalar = scalar(node, at: path, wanted: "a size such as 4GiB") else { return nil }
        if let size = ByteSize(scalar.string) { return size }
        report(node.mark?.line, path, "\(SpecRules.shown(scalar.string)) is not a size; allowed are whole numbers with a unit, such as 512MiB or 20GiB")
        return nil
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(_ section: Section, _ key: String) -> Choice?
    where Choice.RawValue == String {
        let path = section.path(of: key)
        guard let node = section.value(key), let scalar = scalar(node, at: path, wanted: "one of \(SpecRules.listed(Choice.self))") else { return nil }
        if let choice = Choice(rawValue: scalar.string) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        let allowed = known.count == 1 ? "allowed is \(SpecRules.listed(known))" : "allowed are \(SpecRules.listed(known))"
        let suggestion = Suggestion.text(for: scalar.string, among: known)
        report(node.mark?.line, path, "\(SpecRules.shown(scalar.string)) is not possible here; \(allowed)\(suggestion)")
        return nil
    }

    private mutating func scalar(_ node: Node, at path: String, wanted: String) -> Node.Scalar? {
        if isRefused(node, at: path) { return nil }
        guard let scalar = node.scalar else {
            report(node.mark?.line, path, "must be \(wanted), not a list or a section")
            return nil
        }
        guard !YAMLValue.isNull(scalar) else {
            report(node.mark?.line, path, "has no value; write \(wanted), or leave the key out")
            return nil
        }
        return scalar
    }

    /// How to write a value whose own first character is such a sign.
    private func quotes(_ node: Node, _ path: String) -> String {
        guard let scalar = node.scalar, YAMLValue.isPlain(scalar), let advice = document.advice(line: node.mark?.line) else { return "" }
        return ", or, where the sign belongs to it, put it in quotes: \(advice)"
    }

    /// Anchors, aliases and tags are not part of the format: every value is written out once, where it is used.
    mutating func isRefused(_ node: Node, at path: String) -> Bool {
        if node.anchor != nil {
            report(node.mark?.line, path, "anchors and aliases ('&' and '*') are not supported; write the value out\(quotes(node, path))")
            return true
        }
        let tag = node.tag
        guard tag == Tag(.str) || tag == Tag(.map) || tag == Tag(.seq) else {
            report(node.mark?.line, path, "tags ('!') are not supported; write the plain value\(quotes(node, path))")
            return true
        }
        return false
    }
}

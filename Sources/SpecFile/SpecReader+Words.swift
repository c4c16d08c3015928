internal import ApplianceModel
internal import Quoting
internal import Yams

extension SpecReader {
    /// A section with keys of any name. Their values keep their text, however YAML would interpret it: `on`, `1.1`, `'%m [%p] '`.
    mutating func words(_ section: Section, _ key: String, _ words: SpecWords) -> [String: String] {
        guard let node = section.value(key), !section.isNull(key) else { return [:] }
        let path = section.path(of: key)
        if let count = node.mapping?.count, let fault = SpecLimits.fault(path, count, words.limit, key) {
            report(node.mark?.line, path, fault.message)
            return [:]
        }
        var result: [String: String] = [:]
        var seen: [String: (key: String, line: Int?)] = [:]
        for (key, value) in self.section(node, at: path, keys: nil).fields {
            let line = value.mark?.line
            let name = words.name(key)
            if let earlier = seen.updateValue((key, line), forKey: name) {
                let place = earlier.line.map { " in line \($0)" } ?? ""
                report(line, "\(path).\(key)", "is the same as \(SpecRules.shown(earlier.key))\(place): upper and lower case make no difference; keep one")
                continue
            }
            note(value, at: "\(path).\(name)")
            if isRefused(value, at: "\(path).\(key)") { continue }
            guard let scalar = value.scalar else {
                report(line, "\(path).\(key)", "is a list or a section; \(words.rule)")
                continue
            }
            if YAMLValue.isNull(scalar) {
                let quoted = document.advice(line: line).map { "; a '#' begins a comment unless it is in quotes: \($0)" } ?? ""
                report(line, "\(path).\(key)", "has no value; \(words.example)\(quoted)")
            } else {
                result[name] = scalar.string
            }
        }
        return result
    }
}

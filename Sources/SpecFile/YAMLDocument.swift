internal import ApplianceModel
internal import Yams

/// The nodes of one YAML document, with their lines.
struct YAMLDocument {
    let root: Node
    // Nodes refer to their anchors weakly; the parser owns them.
    private let parser: Parser
    private let advice: YAMLAdvice

    /// - Throws: `LocatedFault` if the text is not one YAML document with a mapping at the top.
    init(_ text: String) throws {
        advice = YAMLAdvice(text)
        do {
            // Plain words are not resolved here: the key above a word decides its meaning.
            parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            guard let root = try parser.singleRoot() else { throw Self.fault(1, "the file is empty; start with 'formatVersion: 1'") }
            guard case .mapping = root else {
                throw Self.fault(root.mark?.line, "the file holds no keys; start with 'formatVersion: 1'")
            }
            self.root = root
        } catch let error as YamlError {
            throw Self.failure(error, text: text)
        }
    }

    /// The format version, if it is a number; anything else is reported with the other faults.
    var formatVersion: Int? {
        guard let node = root.mapping?.first(where: { $0.key.scalar?.string == "formatVersion" })?.value else { return nil }
        return node.scalar.flatMap { Int($0.string) }
    }

    /// How to write the value of a line so that it keeps a first character that has a meaning in YAML.
    func advice(line: Int?) -> String? { line.flatMap { advice.quoted(line: $0) } }

    private static func fault(_ line: Int?, _ message: String) -> LocatedFault { LocatedFault(line: line, path: nil, message: message) }

    private static func failure(_ error: YamlError, text: String) -> LocatedFault {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            return unread(problem, mark, context, YAMLAdvice(text))
        case .composer(let context, let problem, let mark, _):
            if problem.contains("another document") {
                return fault(mark.line, "a second document begins ('---'); a spec file holds one appliance")
            }
            return unread(problem, mark, context, YAMLAdvice(text))
        case .reader(let problem, _, _, _):
            let scalars = text.unicodeScalars
            let bad = scalars.firstIndex { $0.value < 0x20 && $0 != "\t" && $0 != "\n" && $0 != "\r" || (0x7f...0x9f).contains($0.value) && $0.value != 0x85 }
            let line = bad.map { index in 1 + scalars[..<index].count { $0 == "\n" } }
            return fault(line, "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            let names = SpecRules.listed(keys.sorted().map { SpecRules.shown($0) })
            return fault(context.mark.line, "the key \(names) appears more than once in the same place; keep one")
        default:
            return fault(nil, "not YAML: \(error)")
        }
    }

    /// The fault for a place where the reader stopped. The cause may be where it began, some lines before.
    private static func unread(_ problem: String, _ mark: Mark, _ context: YamlError.Context?, _ advice: YAMLAdvice) -> LocatedFault {
        let tab = "; the line holds a tab, and YAML allows only spaces before a key"
        if advice.isIndentedByTab(line: mark.line) { return fault(mark.line, "not YAML: \(problem)\(tab)") }
        let begun = context?.mark.line ?? mark.line
        for (line, column) in [(mark.line, mark.column), (begun, context?.mark.column ?? mark.column)] {
            guard let text = advice.quoted(line: line, column: column) else { continue }
            return fault(line, "not YAML: \(problem); YAML reads this value as more than a text, so put it in quotes: \(text)")
        }
        return fault(mark.line, "not YAML: \(problem)\(advice.holdsTab(line: mark.line) ? tab : "")")
    }
}

package import ApplianceModel

extension SpecFile {
    /// The file of a spec. Every value is written out, so that another default in a later pgkvm does not change an appliance. Only keys without a
    /// value (a port or a version left to pgkvm) are left out. Reading the file back gives an equal spec.
    package static func render(_ spec: ApplianceSpec) -> String { YAMLText.lines(ApplianceSpec.entries(spec)).map(\.text).joined(separator: "\n") + "\n" }

    /// The file of a spec for people. Default values are left out, and each value has a comment that describes it. Reading the file back gives an
    /// equal spec, in a pgkvm with the same defaults.
    package static func renderBriefly(_ spec: ApplianceSpec) -> String {
        let head = "# The spec of the appliance '\(spec.name)'. What is not here has its default ('pgkvm help spec').\n"
        return head + commented(YAMLText.lines(brief(ApplianceSpec.entries(spec), standard: ApplianceSpec.entries(ApplianceSpec(name: spec.name)), at: "")))
    }

    /// The file of a spec for people, independent of the defaults of a later pgkvm. Every value is written out as by `render`, with a comment that
    /// describes it. Reading the file back gives an equal spec.
    /// - Parameter head: comment lines above it, without `#`.
    package static func renderCommented(_ spec: ApplianceSpec, head: [String]) -> String {
        head.map { "# \($0)\n" }.joined() + commented(YAMLText.lines(ApplianceSpec.entries(spec)))
    }

    private static func commented(_ lines: [YAMLText.Line]) -> String {
        let width = lines.map(\.text.count).filter { $0 <= commentColumn }.max() ?? 0
        return lines.map { line in
            guard let key = SpecKeys.key(at: line.path), key.form != .section, !line.path.contains("[]") else { return line.text + "\n" }
            return line.text + String(repeating: " ", count: max(0, width - line.text.count)) + "  # \(key.meaning)\n"
        }.joined()
    }

    /// Comments are aligned at this column at most, so that a longer line does not push all the others to the right.
    private static let commentColumn = 40

    /// The entries that differ from the defaults, and those without a default. Roles and databases stay together: if a file names one of them, the
    /// other has no default.
    private static func brief(_ entries: [YAMLEntry], standard: [YAMLEntry], at path: String) -> [YAMLEntry] {
        func below(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
        let standards = Dictionary(standard.map { ($0.key, $0.value) }) { first, _ in first }
        let differing = Set(entries.filter { standards[$0.key] != $0.value }.map { below($0.key) })
        return entries.compactMap { entry in
            let own = below(entry.key)
            guard SpecKeys.key(at: own)?.standard == nil || !differing.isDisjoint(with: SpecKeys.together(with: own)) else { return nil }
            guard case .section(let inner) = entry.value, case .section(let usual) = standards[entry.key] else { return entry }
            return YAMLEntry(key: entry.key, value: .section(brief(inner, standard: usual, at: own)))
        }
    }
}

/// The keys of the spec file in words, for the command line's help.
package enum SpecHelp {
    /// Two lines for each key: its path and default, then its description.
    package static var keys: String {
        SpecKeys.all.filter { $0.form != .section }.map { key in
            let standard = key.standard.map { " (\($0))" } ?? " (required)"
            return "  \(key.path)\(key.form == .entries ? "[]" : "")\(standard)\n      \(key.meaning)" + choices(key)
        }.joined(separator: "\n")
    }

    private static func choices(_ key: SpecKey) -> String {
        if case .choice(let words) = key.form, words.count > 1 { ": \(words.joined(separator: ", "))" } else { "" }
    }
}

internal import ApplianceModel

/// Settings that the spec overrides.
package enum UserSettings {
    /// What is wrong with them, one fragment each; none when all is well. Whether the server knows a name and takes its
    /// value, only the server can tell.
    package static func faults(_ settings: [String: String]) -> [String] {
        let names = Dictionary(grouping: settings.keys) { $0.lowercased() }
        let twice = names.filter { $0.value.count > 1 }.map { "setting '\($0.key)' is given twice, in different cases" }
        return (settings.compactMap { fault($0.key, $0.value) } + twice).sorted()
    }

    /// The settings as the last layer, sorted by name.
    static func layer(_ settings: [String: String]) -> [Setting] {
        settings.sorted { $0.key < $1.key }.map { Setting(.spec, $0.key.lowercased(), $0.value, "postgresql.settings") }
    }

    private static func fault(_ name: String, _ value: String) -> String? {
        guard name.wholeMatch(of: #/[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_$]*)?/#) != nil else {
            return "'\(name)' is not the name of a setting: letters, digits and underscores, one dot for an extension's"
        }
        if value.utf8.contains(0) { return "setting '\(name)' contains a NUL" }
        if let reason = SettingRules.owned[name.lowercased()] { return "setting '\(name)' belongs to pgkvm: \(reason)" }
        return SettingRules.valueFault(name, value)
    }
}

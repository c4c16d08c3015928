internal import ApplianceModel

/// Settings that the spec overrides.
package enum UserSettings {
    /// What is wrong with them, one fragment each; empty if nothing is. Only the server can tell whether it knows a name and accepts its value.
    package static func faults(_ settings: [String: String]) -> [String] {
        var names: Set<String> = []
        return settings.sorted { $0.key < $1.key }.compactMap { name, value in
            if let fault = SettingRules.fault(name, value) { return "setting \(fault)" }
            if value.utf8.contains(0) { return "setting '\(name)' contains a NUL" }
            guard let canonical = SettingRules.canonicalName(name), names.insert(canonical).inserted else {
                return "setting '\(name)' is given twice, in different cases"
            }
            return nil
        }
    }

    /// The settings as the last layer, sorted by name.
    static func layer(_ settings: [String: String]) -> [Setting] {
        settings.map { (SettingRules.canonicalName($0.key) ?? $0.key, $0.value) }.sorted { $0.0 < $1.0 }.map {
            Setting(.spec, $0.0, $0.1, "postgresql.settings")
        }
    }
}

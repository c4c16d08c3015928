/// Compares what was asked for with what the server says.
package enum SettingValue {
    /// Whether a value from a configuration file means what `pg_settings` shows.
    /// - Parameters:
    ///   - asked: as written, such as `1GB`, `15min`, `on`, `0.9`.
    ///   - setting: the column `setting`.
    ///   - unit: the column `unit`, such as `8kB` or `ms`; nil where the setting has none.
    ///   - kind: the column `vartype`.
    package static func isInForce(asked: String, setting: String, unit: String?, kind: String) -> Bool {
        switch kind {
        case "bool": return boolean(asked) == boolean(setting)
        case "enum": return asked.lowercased() == setting.lowercased()
        case "string": return asked == setting
        default:
            guard let wanted = number(asked, defaultUnit: unit), let found = number(setting, defaultUnit: unit), let step = scale(unit) else {
                return asked == setting
            }
            // The server rounds to its own unit.
            return abs(wanted - found) <= (unit == nil ? 1e-9 : step / 2)
        }
    }

    private static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "on", "true", "yes", "1", "t", "y": true
        case "off", "false", "no", "0", "f", "n": false
        default: nil
        }
    }

    /// A number in bytes or milliseconds. Special values below zero mean the same in every unit.
    private static func number(_ text: String, defaultUnit: String?) -> Double? {
        guard let match = text.wholeMatch(of: #/\s*(-?[0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*/#), let value = Double(match.1) else { return nil }
        guard value >= 0 else { return value }
        guard let factor = scale(match.2.isEmpty ? defaultUnit : String(match.2)) else { return nil }
        return value * factor
    }

    private static func scale(_ unit: String?) -> Double? {
        guard let unit else { return 1 }
        let count = unit.prefix { $0.isNumber }
        guard let factor = factors[String(unit.dropFirst(count.count))] else { return nil }
        return factor * (Double(count) ?? 1)
    }

    private static let factors: [String: Double] = [
        "B": 1, "kB": 1024, "MB": 1_048_576, "GB": 1_073_741_824, "TB": 1_099_511_627_776,
        "us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000,
    ]
}

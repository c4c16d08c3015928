internal import ApplianceModel
internal import Basics
internal import Quoting

extension ServerCatalogue {
    /// Why the server would refuse a setting in a configuration file; nil if it accepts it.
    ///
    /// Settings that only the running server can check (files, combinations of settings, the content of most strings) pass.
    package func fault(ofSetting name: String, value: String) -> String? {
        guard let setting = setting(named: name) else {
            // A name in the name space of an extension, which may be loaded later.
            if name.utf8.contains(UInt8(ascii: ".")) { return nil }
            return "\(SpecRules.shown(name)) is not a setting of PostgreSQL \(majorVersion)\(Suggestion.text(for: name, among: settings.map(\.name)))"
        }
        if setting.isFixed { return "'\(setting.name)' only shows what the server decides; no configuration file can set it" }
        switch setting.type {
        case .bool:
            guard SettingGrammar.boolean(value) == nil else { return nil }
            return "\(SpecRules.shown(value)) is not a value of '\(setting.name)', which is on or off"
        case .words: return fault(ofWord: value, setting)
        case .integer:
            return fault(of: SettingGrammar.integer(value, unit: setting.unit, readsBinary: readsBinaryIntegers), value, setting, isWhole: true)
        case .real: return fault(of: SettingGrammar.real(value, unit: setting.unit), value, setting, isWhole: false)
        case .string: return fault(ofText: value, setting)
        }
    }

    private func fault(ofWord value: String, _ setting: Parameter) -> String? {
        let shown = setting.words ?? []
        let known = shown + (setting.furtherWords ?? [])
        if known.contains(where: { ASCIICase.same($0, value) }) { return nil }
        return "\(SpecRules.shown(value)) is not a value of '\(setting.name)'; it takes \(SpecRules.listed(shown))\(Suggestion.text(for: value, among: shown))"
    }

    private func fault(of number: SettingGrammar.Number, _ text: String, _ setting: Parameter, isWhole: Bool) -> String? {
        let units = SettingGrammar.units(of: setting.unit)
        let refused = "\(SpecRules.shown(text)) is not a value of '\(setting.name)'"
        switch number {
        case .notANumber: return "\(refused), which is a number\(units.isEmpty ? "" : " with or without a unit: \(SpecRules.listed(units))")"
        case .badUnit(let unit):
            if units.isEmpty { return "\(refused), which is a number without a unit" }
            let meant = units.first { ASCIICase.same($0, unit) }.map { "; did you mean '\($0)'?" } ?? ""
            return "\(refused): its units are \(SpecRules.listed(units)), and upper and lower case make a difference\(meant)"
        case .value(let value):
            let value = isWhole ? value.rounded(.toNearestOrEven) : value
            guard !isWhole || (Double(Int32.min)...Double(Int32.max)).contains(value) else { return "\(refused): it exceeds the range of integers" }
            guard !isWithin(value, setting, isWhole: isWhole) else { return nil }
            let unit = setting.unit.map { " \($0)" } ?? ""
            let digits = isWhole ? String(Int64(saturating: value)) : String(value)
            return "\(digits)\(unit) is outside the valid range of '\(setting.name)' (\(setting.minimum ?? "")\(unit) .. \(setting.maximum ?? "")\(unit))"
        }
    }

    private func isWithin(_ value: Double, _ setting: Parameter, isWhole: Bool) -> Bool {
        guard value.isFinite else { return false }
        // PostgreSQL prints the limits of a fraction with six digits.
        let inexactness = isWhole ? 0 : 5e-6
        func limit(_ text: String?, _ sign: Double) -> Double? {
            text.flatMap { Double($0) }.map { $0 + sign * $0.magnitude * inexactness }
        }
        if let least = limit(setting.minimum, -1), value < least { return false }
        if let most = limit(setting.maximum, 1), value > most { return false }
        return true
    }

    /// Of strings, only those are judged that depend on what is installed with the server: locales, time zones and libraries.
    private func fault(ofText value: String, _ setting: Parameter) -> String? {
        if setting.isLocale { return value.isEmpty ? nil : localeFault(value) }
        if setting.isTimeZone { return timeZoneFault(value) }
        guard setting.isLibraryList, let missing = missingLibrary(value) else { return nil }
        let package = furtherPackage(bringing: missing).map { "; Debian's package \($0) may bring it" } ?? ""
        return "there is no library \(SpecRules.shown(missing)) in the image\(Suggestion.text(for: missing, among: libraries))\(package)"
    }

    /// The first library in a list that the server would not find. A list with paths or quotes is left to the server.
    private func missingLibrary(_ list: String) -> String? {
        guard list.utf8.allSatisfy({ $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "/") }) else { return nil }
        let names = list.utf8.split(separator: UInt8(ascii: ",")).map { name in
            let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
            return String(decoding: name.drop(while: isSpace).reversed().drop(while: isSpace).reversed(), as: UTF8.self)
        }
        return names.first { name in !name.isEmpty && !libraries.contains(name) && !libraries.contains { "\($0).so" == name } }
    }
}

extension ServerCatalogue.Parameter {
    /// `lc_messages` and similar settings.
    fileprivate var isLocale: Bool { type == .string && name.begins(with: "lc_") }

    /// `TimeZone` and `log_timezone`.
    fileprivate var isTimeZone: Bool { type == .string && ASCIICase.lowered(name).suffix(8).elementsEqual("timezone".utf8) }
    /// Libraries without which no session, or not even the server, can start. The local ones are in another place.
    fileprivate var isLibraryList: Bool { name == "shared_preload_libraries" || name == "session_preload_libraries" }
}

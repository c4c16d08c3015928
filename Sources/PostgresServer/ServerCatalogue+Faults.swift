package import ApplianceModel
internal import Basics
internal import Quoting

extension ServerCatalogue {
    /// What this server cannot do of a spec, in the order of the file; empty for a spec that asks for another major version.
    package func faults(in server: ApplianceSpec.PostgreSQL) -> [SpecFault] {
        if let version = server.version, version != majorVersion { return [] }
        var faults: [SpecFault] = []
        if let fault = localeFault(server.locale) { faults.append(SpecFault("postgresql.locale", fault)) }
        if let fault = timeZoneFault(server.timeZone) { faults.append(SpecFault("postgresql.timeZone", fault)) }
        faults += settingFaults(in: server)
        let available = Set(extensions)
        for (index, database) in server.databases.enumerated() {
            for (position, name) in database.extensions.enumerated() where !available.contains(name) {
                faults.append(SpecFault("postgresql.databases[\(index)].extensions[\(position)]", extensionFault(name)))
            }
        }
        return faults
    }

    /// The faults of `postgresql.settings` alone.
    package func settingFaults(in server: ApplianceSpec.PostgreSQL) -> [SpecFault] {
        server.settings.sorted { $0.key < $1.key }.compactMap { name, value in
            fault(ofSetting: name, value: value).map { SpecFault("postgresql.settings.\(name)", $0) }
        }
    }

    private func extensionFault(_ name: String) -> String {
        let lacks = "extension \(SpecRules.shown(name)) is not in the image\(Suggestion.text(for: name, among: extensions))"
        guard let package = furtherPackage(bringing: name) else { return lacks }
        // Packages have the name of the project, which an extension often has without its first letters.
        let other =
            name.begins(with: "pg") && !name.begins(with: "pg_") && name.utf8.count > 4 ? ", with an extension called '\(name.dropFirst(2))' perhaps" : ""
        return "\(lacks); Debian's package \(package) may bring it\(other): deploy without it, install the package in the guest, then add the extension"
    }

    /// The package of the archive whose name matches an extension or library.
    func furtherPackage(bringing name: String) -> String? {
        /// Only letters and digits: `pg_partman` and `postgresql-17-partman` have nothing else in common.
        func letters(_ text: some StringProtocol) -> String {
            String(decoding: ASCIICase.lowered(text).filter { $0.isLetterOrDigit }, as: UTF8.self)
        }
        let version = String(majorVersion)
        let topics = packages.map { package in
            (package, letters(package.split(at: "-").filter { $0 != "postgresql" && $0 != version }.joined(separator: "-")))
        }
        let whole = letters(name)
        let bare = whole.begins(with: "pg") && whole.utf8.count > 4 ? String(whole.dropFirst(2)) : whole
        guard bare.utf8.count >= 3 else { return topics.first { $0.1 == whole }?.0 }
        let exact = topics.first { $0.1 == whole || $0.1 == bare || $0.1 == "pg\(bare)" }
        let longer = topics.first { $0.1.hasPrefix(bare) || $0.1.hasPrefix(whole) }
        // `plpython3u` is in postgresql-plpython3-17.
        return (exact ?? longer ?? topics.first { $0.1.utf8.count >= 5 && whole.hasPrefix($0.1) })?.0
    }

    /// Why a database cannot have the locale; nil if it can, because the locale exists or can be made from its sources.
    package func localeFault(_ text: String) -> String? {
        let locale = LocaleName(text)
        if locale.isPlainC { return nil }
        if let charset = locale.charset {
            guard LocaleName.normalized(charset) == "utf8" else {
                return
                    "\(SpecRules.shown(text)) is a locale of \(SpecRules.shown(charset)), and the databases are UTF-8; write '\(locale.with(charset: "UTF-8"))'"
            }
        } else if !unicodeLocales.contains(where: { $0 == text }) {
            let known = localeSources.contains(locale.source)
            return known
                ? "\(SpecRules.shown(text)) does not name UTF-8, which the databases are; write '\(locale.with(charset: "UTF-8"))'" : unknown(text, locale)
        }
        if locales.contains(where: { LocaleName($0).isSame(as: locale) }) { return nil }
        return localeSources.contains(locale.source) && charmaps.contains { LocaleName.normalized($0) == "utf8" } ? nil : unknown(text, locale)
    }

    private func unknown(_ text: String, _ locale: LocaleName) -> String {
        let meant = Suggestion.nearest(to: locale.source, among: localeSources).map { "; did you mean '\(LocaleName($0).with(charset: "UTF-8"))'?" } ?? ""
        return "\(SpecRules.shown(text)) is not a locale that the image has or can make\(meant)"
    }

    /// Why the server does not accept the time zone; nil if it does.
    package func timeZoneFault(_ text: String) -> String? {
        if timeZones.contains(where: { ASCIICase.same($0, text) }) || TimeZoneText.isRule(text) { return nil }
        return "\(SpecRules.shown(text)) is not a time zone that the server knows\(Suggestion.text(for: text, among: timeZones))"
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }
}

internal import ApplianceModel
internal import PostgresServer
internal import SpecFile

/// The effects of a change of an appliance's spec. `plan` shows them and `deploy` carries them out.
struct SpecChanges {
    /// What is known about the settings that the server reads only when it starts.
    enum Restart {
        /// The settings for which the server itself reports that it needs a restart.
        case waiting([String])
        /// All such settings, according to the catalogue of the image.
        case catalogue(Set<String>)
        /// Not known until the server is asked.
        case unknown
    }

    let changes: [PlannedChange]

    /// - Parameters:
    ///   - version: the major version of PostgreSQL; nil while it is unknown and no server exists.
    ///   - made: what was made from the known spec; nil means all of it.
    init(from known: ApplianceSpec, to wanted: ApplianceSpec, version: Int?, restart: Restart, made: MadeParts? = nil) {
        var attributed: Set<String> = []
        var changes = SpecDifference.changes(known, wanted).map { change in
            var (effect, reason) = Self.effect(of: change, known, wanted, version, restart, &attributed)
            if effect == .impossible, made?.allows(change, from: known, to: wanted) == true { (effect, reason) = (.inPlace, "it was never made") }
            return PlannedChange(path: change.path, before: change.before, after: change.after, effect: effect, reason: reason)
        }
        if case .waiting(let names) = restart { changes += names.filter { !attributed.contains($0) }.map(PlannedChange.waiting) }
        self.changes = changes
    }

    /// Changes that cannot be made.
    var impossible: [PlannedChange] { changes.filter { $0.effect == .impossible } }

    var needsRestart: Bool { changes.contains { $0.effect == .serverRestart || $0.effect == .restart } }

    private static func effect(
        of change: SpecChange, _ known: ApplianceSpec, _ wanted: ApplianceSpec, _ version: Int?, _ restart: Restart, _ attributed: inout Set<String>
    ) -> (PlannedChange.Effect, String?) {
        switch change.effect {
        case .impossible(let reason): return (.impossible, reason)
        case .restart: return (.restart, nil)
        case .expectation: return (.expectation, nil)
        case .inPlace:
            let altered = settings(alteredBy: change, known, wanted, version)
            guard !altered.isEmpty else { return (.inPlace, nil) }
            let names: [String]
            switch restart {
            case .waiting(let waiting): names = altered.filter(waiting.contains)
            case .catalogue(let all): names = altered.filter(all.contains)
            case .unknown: return (.inPlace, "unless the server has to be restarted for it, which it says when it is asked")
            }
            attributed.formUnion(names)
            return names.isEmpty ? (.inPlace, nil) : (.serverRestart, "read only when the server starts: \(names.joined(separator: ", "))")
        }
    }

    /// The names of the settings that only this change alters.
    private static func settings(alteredBy change: SpecChange, _ known: ApplianceSpec, _ wanted: ApplianceSpec, _ version: Int?) -> [String] {
        guard let version else { return [] }
        var changed = known
        switch change.key {
        case "data.size": changed.dataDisk.size = wanted.dataDisk.size
        case "postgresql.profile": changed.postgresql.profile = wanted.postgresql.profile
        case "postgresql.timeZone": changed.postgresql.timeZone = wanted.postgresql.timeZone
        case "postgresql.settings":
            let name = String(change.path.dropFirst("postgresql.settings.".count))
            changed.postgresql.settings[name] = wanted.postgresql.settings[name]
        default: return []
        }
        let (old, new) = (settings(of: known, version), settings(of: changed, version))
        return Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.sorted()
    }

    private static func settings(of spec: ApplianceSpec, _ version: Int) -> [String: String] {
        ServerConfiguration(spec: spec, layout: .debian(version: version)).settings.effective
    }
}

extension PlannedChange {
    /// A setting that no difference of the specs explains: it was changed earlier, and the server has not been restarted since.
    static func waiting(_ name: String) -> PlannedChange {
        PlannedChange(
            path: "postgresql.settings.\(name)", before: "as the server was started", after: "as the files say", effect: .serverRestart,
            reason: "read only when the server starts")
    }
}

internal import ApplianceModel
internal import PostgresServer
internal import SpecFile

/// What becomes of an appliance whose spec is to change. `plan` shows it and `deploy` does it.
struct SpecChanges {
    let changes: [PlannedChange]

    /// - Parameter version: the major version of PostgreSQL; nil while it is not known, and no server is there.
    init(from known: ApplianceSpec, to wanted: ApplianceSpec, version: Int?) {
        changes = SpecDifference.changes(known, wanted).map { change in
            let (effect, reason) = Self.effect(of: change, known, wanted, version)
            return PlannedChange(path: change.path, before: change.before, after: change.after, effect: effect, reason: reason)
        }
    }

    /// Changes that cannot be made.
    var impossible: [PlannedChange] { changes.filter { $0.effect == .impossible } }

    var needsRestart: Bool { changes.contains { $0.effect == .serverRestart || $0.effect == .restart } }

    private static func effect(
        of change: SpecChange, _ known: ApplianceSpec, _ wanted: ApplianceSpec, _ version: Int?
    ) -> (PlannedChange.Effect, String?) {
        switch change.effect {
        case .impossible(let reason): return (.impossible, reason)
        case .restart: return (.restart, nil)
        case .expectation: return (.expectation, nil)
        case .inPlace:
            let settings = restartSettings(changedBy: change, known, wanted, version)
            return settings.isEmpty ? (.inPlace, nil) : (.serverRestart, "read only when the server starts: \(settings.joined(separator: ", "))")
        }
    }

    /// The settings that this change alone alters and that the server reads only when it starts.
    private static func restartSettings(changedBy change: SpecChange, _ known: ApplianceSpec, _ wanted: ApplianceSpec, _ version: Int?) -> [String] {
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
        return RestartSettings.changed(from: settings(of: known, version), to: settings(of: changed, version))
    }

    private static func settings(of spec: ApplianceSpec, _ version: Int) -> [String: String] {
        ServerConfiguration(spec: spec, layout: .debian(version: version)).settings.effective
    }
}

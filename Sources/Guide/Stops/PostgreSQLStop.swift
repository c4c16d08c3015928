internal import ApplianceModel
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import SpecFile

/// The server: what it is tuned for, and what it contains.
struct PostgreSQLStop: Stop {
    let id = StopID.postgresql
    let title = "PostgreSQL"

    func text(_ situation: Situation) -> StopText {
        let version = situation.plan.packages.postgresqlVersion.map { "PostgreSQL \($0)" } ?? "PostgreSQL, of the guest's distribution"
        return StopText(
            what: "\(version) on the data disk, with checksums, settings by the guest's size, TLS 1.3, and one role and database to begin with.",
            why:
                "A server as it is installed takes 128 MB for its buffers, whatever the machine has. Nobody gets in without TLS and a password; passwords are made here, "
                + "stand in a file of mode 0600 and are never shown.",
            found: ["for \(situation.spec.machine.vcpus) vCPUs and \(situation.spec.machine.memory) (profile: connections, buffers, work_mem, WAL)"]
                + ApplianceSpec.PostgreSQL.Profile.allCases.compactMap { profile in line(situation, profile) },
            recommended: "profile '\(situation.standard.postgresql.profile.rawValue)', and the distribution's version. The profile can change later.",
            alternatives: ["pgdg: the versions 13 to 18 from the PostgreSQL project; installing them needs its network."]
                + (isOrdinary(situation.spec) ? [] : ["This spec has roles or databases of its own: change them in its file."]))
    }

    private func line(_ situation: Situation, _ profile: ApplianceSpec.PostgreSQL.Profile) -> String? {
        let names = ["max_connections", "shared_buffers", "work_mem", "max_wal_size"]
        let values = names.compactMap { situation.setting($0, profile: profile) }
        return values.isEmpty ? nil : "\(profile.rawValue): \(values.joined(separator: ", "))"
    }

    /// Whether the spec has one database with its owner, which a question can ask for.
    private func isOrdinary(_ spec: ApplianceSpec) -> Bool {
        let server = spec.postgresql
        guard server.roles.count == 1, server.databases.count == 1, let role = server.roles.first, let database = server.databases.first else { return false }
        return role.memberOf.isEmpty && database.extensions.isEmpty && role.name == database.owner && role.name == database.name
    }

    func questions(_ situation: Situation) -> [Question] {
        let server = situation.spec.postgresql
        let questions = [
            Question("Profile", key: "postgresql.profile", present: server.profile.rawValue),
            Question("Packages from", key: "postgresql.source", present: server.source.rawValue),
            Question("Version", key: "postgresql.version", present: server.version.map { "\($0)" }, unset: "distribution"),
            Question("Time zone", key: "postgresql.timeZone", present: server.timeZone),
        ]
        guard isOrdinary(situation.spec), let database = server.databases.first else { return questions }
        return questions + [
            Question("Database and its owner", hint: "one name for both, 1 to 63 bytes", present: database.name) { text, spec in
                var changed = spec
                changed.postgresql.roles = [ApplianceSpec.Role(name: text)]
                changed.postgresql.databases = [ApplianceSpec.Database(name: text, owner: text)]
                try SpecRules.check(changed, source: "the answer")
                return changed
            }
        ]
    }
}

package import ApplianceModel

/// Says in which values two specs differ.
package enum SpecDifference {
    /// One line for each difference, such as `machine.memory: 2GiB → 4GiB`, in the order of the file; none when the specs are equal. The order of
    /// roles and databases is no difference.
    package static func between(_ old: ApplianceSpec, _ new: ApplianceSpec) -> [String] {
        zip(parts(old), parts(new)).flatMap { before, after in
            let olds = Dictionary(before, uniquingKeysWith: { first, _ in first })
            let news = Dictionary(after, uniquingKeysWith: { first, _ in first })
            let paths = before.map(\.0) + after.map(\.0).filter { olds[$0] == nil }
            return paths.filter { olds[$0] != news[$0] }.map { "\($0): \(olds[$0] ?? "none") → \(news[$0] ?? "none")" }
        }
    }

    /// The paths and values of a spec: those that every spec has, then the settings, the roles, the databases and the limits.
    private static func parts(_ spec: ApplianceSpec) -> [[(String, String)]] {
        let server = spec.postgresql
        let settings = server.settings.sorted { $0.key < $1.key }.map { ("postgresql.settings.\($0.key)", YAMLWriter.quoted($0.value)) }
        let roles = server.roles.map { ("postgresql.roles \(SpecRules.shown($0.name))", "member of \(list($0.memberOf))") }
        let databases = server.databases.map {
            ("postgresql.databases \(SpecRules.shown($0.name))", "owned by \(SpecRules.shown($0.owner)) with extensions \(list($0.extensions))")
        }
        let limits = spec.verification.limits.sorted { $0.key < $1.key }.map { ("verify.limits.\($0.key)", $0.value) }
        return [machine(spec) + self.server(server), settings, roles, databases, limits]
    }

    private static func machine(_ spec: ApplianceSpec) -> [(String, String)] {
        let machine = spec.machine
        let network = spec.network
        return [
            ("name", spec.name.rawValue), ("machine.backend", machine.backend.rawValue), ("machine.accelerator", machine.accelerator.rawValue),
            ("machine.vcpus", "\(machine.vcpus)"), ("machine.memory", "\(machine.memory)"), ("machine.image", "\(machine.image)"),
            ("machine.systemDisk.size", "\(machine.systemDisk.size)"), ("machine.systemDisk.layout", machine.systemDisk.layout.rawValue),
            ("network.mode", network.mode.rawValue), ("network.address", network.address.rawValue), ("network.sshPort", port(network.sshPort)),
            ("network.postgresqlPort", port(network.postgresqlPort)), ("data.size", "\(spec.dataDisk.size)"),
            ("data.adopt", spec.dataDisk.adopt ?? "none"),
        ]
    }

    private static func server(_ server: ApplianceSpec.PostgreSQL) -> [(String, String)] {
        [
            ("postgresql.version", server.version.map { "\($0)" } ?? "the distribution's"), ("postgresql.source", server.source.rawValue),
            ("postgresql.profile", server.profile.rawValue), ("postgresql.locale", server.locale), ("postgresql.timeZone", server.timeZone),
            ("postgresql.allowFrom", list(server.allowFrom.map(\.description))),
        ]
    }

    private static func port(_ port: UInt16?) -> String { port.map { "\($0)" } ?? "chosen by pgkvm" }

    private static func list(_ words: [String]) -> String { "[\(words.joined(separator: ", "))]" }
}

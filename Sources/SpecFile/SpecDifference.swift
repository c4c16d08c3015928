package import ApplianceModel
internal import Basics
internal import Quoting

/// A value in which two specs differ, and what that means for an appliance that was made from the first.
package struct SpecChange: Sendable, Equatable {
    /// The key of `SpecKeys`.
    package let key: String
    /// Which value of the key: `machine.memory`, `postgresql.settings.work_mem`, `postgresql.roles 'app'`.
    package let path: String
    /// In words, as `after`.
    package let before: String
    package let after: String
    package let effect: Effect

    package enum Effect: Sendable, Equatable {
        case inPlace
        case restart
        case expectation
        /// It cannot be made, for this reason.
        case impossible(String)
    }

    /// `machine.memory: 2GiB → 4GiB`.
    package var text: String { "\(path): \(before) → \(after)" }
}

/// Says in which values two specs differ.
package enum SpecDifference {
    /// One change for each difference, in the order of the file; none when the specs are equal. The order of roles and databases is no
    /// difference.
    package static func changes(_ old: ApplianceSpec, _ new: ApplianceSpec) -> [SpecChange] {
        zip(parts(old), parts(new)).flatMap { before, after in
            let olds = Dictionary(before.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
            let news = Dictionary(after.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
            let paths = before.map(\.path) + after.map(\.path).filter { olds[$0] == nil }
            return paths.compactMap { change(olds[$0], news[$0]) }
        }
    }

    /// The path of a change of a role.
    package static func path(ofRole name: String) -> String { "postgresql.roles \(SpecRules.shown(name))" }

    /// The path of a change of a database.
    package static func path(ofDatabase name: String) -> String { "postgresql.databases \(SpecRules.shown(name))" }

    private static func change(_ old: SpecValue?, _ new: SpecValue?) -> SpecChange? {
        guard let some = new ?? old, old?.text != new?.text else { return nil }
        return SpecChange(key: some.key, path: some.path, before: old?.text ?? "none", after: new?.text ?? "none", effect: effect(some.key, old, new))
    }

    private static func effect(_ key: String, _ old: SpecValue?, _ new: SpecValue?) -> SpecChange.Effect {
        switch SpecKeys.key(at: key)?.change {
        case .inPlace: .inPlace
        case .restart: .restart
        case .expectation: .expectation
        case .onlyGrows(let reason):
            if let before = old?.size, let after = new?.size, before < after { .inPlace } else { .impossible(reason) }
        case .onlyAdds(let reason):
            if let new, old.map({ $0.owner == new.owner && $0.parts.isSubset(of: new.parts) }) ?? true { .inPlace } else { .impossible(reason) }
        case .fixed(let reason): .impossible(reason)
        case .byItsKeys, nil: .impossible("it is not known how")
        }
    }

    /// The values of a spec: those that every spec has, then the settings, the roles, the databases and the limits.
    private static func parts(_ spec: ApplianceSpec) -> [[SpecValue]] {
        let server = spec.postgresql
        let settings = server.settings.sorted { $0.key < $1.key }.map {
            SpecValue("postgresql.settings", YAMLScalar($0.value).text, of: ".\($0.key)")
        }
        let roles = server.roles.map {
            SpecValue(
                "postgresql.roles", "member of \(list($0.memberOf))\($0.replication ? ", with replication" : "")", of: " \(SpecRules.shown($0.name))",
                parts: Set($0.memberOf))
        }
        let databases = server.databases.map {
            SpecValue(
                "postgresql.databases", "owned by \(SpecRules.shown($0.owner)) with extensions \(list($0.extensions))", of: " \(SpecRules.shown($0.name))",
                owner: $0.owner, parts: Set($0.extensions))
        }
        let limits = spec.verification.limits.sorted { $0.key < $1.key }.map { SpecValue("verify.limits", $0.value, of: ".\($0.key)") }
        return [machine(spec) + self.server(server), settings, roles, databases, limits]
    }

    private static func machine(_ spec: ApplianceSpec) -> [SpecValue] {
        let machine = spec.machine
        let network = spec.network
        return [
            SpecValue("name", spec.name.rawValue), SpecValue("machine.backend", machine.backend.rawValue),
            SpecValue("machine.accelerator", machine.accelerator.rawValue), SpecValue("machine.vcpus", "\(machine.vcpus)"),
            SpecValue("machine.memory", "\(machine.memory)"), SpecValue("machine.image", "\(machine.image)"),
            SpecValue("machine.systemDisk.size", "\(machine.systemDisk.size)"),
            SpecValue("machine.systemDisk.layout", machine.systemDisk.layout.rawValue), SpecValue("network.mode", network.mode.rawValue),
            SpecValue("network.forwarder", network.forwarder.rawValue),
            SpecValue("network.device", network.device ?? "none"), SpecValue("network.address", "\(network.address)"),
            SpecValue("network.gateway", network.gateway?.description ?? "none"),
            SpecValue("network.nameServers", list(network.nameServers.map(\.description))), SpecValue("network.sshPort", port(network.sshPort)),
            SpecValue("network.postgresqlPort", port(network.postgresqlPort)),
            SpecValue("data.size", "\(spec.dataDisk.size)", size: spec.dataDisk.size), SpecValue("data.adopt", spec.dataDisk.adopt ?? "none"),
        ] + platform(spec.machine)
    }

    /// Of the platform that carries the machine: from the section of another nothing is made.
    private static func platform(_ machine: ApplianceSpec.Machine) -> [SpecValue] {
        let libvirt = (machine.backend == .libvirt ? machine.libvirt : nil) ?? ApplianceSpec.Libvirt()
        let proxmox = machine.backend == .proxmox ? machine.proxmox : nil
        let values: [(String, String?)] = [
            ("url", proxmox?.url), ("tokenFile", proxmox?.tokenFile), ("caFile", proxmox?.caFile), ("fingerprint", proxmox?.fingerprint),
            ("node", proxmox?.node), ("storage", proxmox?.storage), ("imageStorage", proxmox?.imageStorage), ("isoStorage", proxmox?.isoStorage),
            ("pool", proxmox?.pool), ("ha", proxmox.map { "\($0.ha)" }),
        ]
        return [SpecValue("machine.libvirt.uri", libvirt.uri), SpecValue("machine.libvirt.pool", libvirt.pool)]
            + values.map { SpecValue("machine.proxmox.\($0)", $1 ?? "none") }
    }

    private static func server(_ server: ApplianceSpec.PostgreSQL) -> [SpecValue] {
        [
            SpecValue("postgresql.version", server.version.map { "\($0)" } ?? "the distribution's"),
            SpecValue("postgresql.source", server.source.rawValue), SpecValue("postgresql.profile", server.profile.rawValue),
            SpecValue("postgresql.locale", server.locale), SpecValue("postgresql.timeZone", server.timeZone),
            SpecValue("postgresql.allowFrom", list(server.allowFrom.map(\.description))),
        ]
    }

    private static func port(_ port: UInt16?) -> String { port.map { "\($0)" } ?? "chosen by pgkvm" }

    private static func list(_ words: [String]) -> String { "[\(words.joined(separator: ", "))]" }
}

/// One value of a spec.
private struct SpecValue {
    let key: String
    let path: String
    let text: String
    var size: ByteSize?
    /// What may not be another.
    var owner: String?
    /// What may be added to, and not taken away.
    var parts: Set<String> = []

    /// - Parameter name: which one of the key's values, as the path shows it.
    init(_ key: String, _ text: String, of name: String = "", size: ByteSize? = nil, owner: String? = nil, parts: Set<String> = []) {
        self.key = key
        path = key + name
        self.text = text
        self.size = size
        self.owner = owner
        self.parts = parts
    }
}

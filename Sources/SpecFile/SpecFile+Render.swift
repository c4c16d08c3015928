package import ApplianceModel

extension SpecFile {
    /// The file of a spec: every value written out, so that another default in a later pgkvm changes no appliance. Only what has
    /// no value (a port or a version left to pgkvm) is left out. Reading it back gives an equal spec.
    package static func render(_ spec: ApplianceSpec) -> String { YAMLText.lines(entries(spec)).map(\.text).joined(separator: "\n") + "\n" }

    /// The file of a spec for people: what has its default is left out, and each value has a comment that says what it is. Reading it back
    /// gives an equal spec, in a pgkvm with the same defaults.
    package static func renderBriefly(_ spec: ApplianceSpec) -> String {
        let head = "# The spec of the appliance '\(spec.name)'. What is not here has its default ('pgkvm help spec').\n"
        return head + commented(YAMLText.lines(brief(entries(spec), standard: entries(ApplianceSpec(name: spec.name)), at: "")))
    }

    /// The file of a spec for people to whom another default in a later pgkvm must make no difference: every value written out as by `render`,
    /// each with a comment that says what it is. Reading it back gives an equal spec.
    /// - Parameter head: lines of comment above it, without `#`.
    package static func renderCommented(_ spec: ApplianceSpec, head: [String]) -> String {
        head.map { "# \($0)\n" }.joined() + commented(YAMLText.lines(entries(spec)))
    }

    private static func commented(_ lines: [YAMLText.Line]) -> String {
        let width = lines.map(\.text.count).filter { $0 <= commentColumn }.max() ?? 0
        return lines.map { line in
            guard let key = SpecKeys.key(at: line.path), key.form != .section, !line.path.contains("[]") else { return line.text + "\n" }
            return line.text + String(repeating: " ", count: max(0, width - line.text.count)) + "  # \(key.meaning)\n"
        }.joined()
    }

    /// Longer lines do not push the comments of all others to the right.
    private static let commentColumn = 40

    /// What differs from the defaults. Roles and databases stay together: a file that names one of them has no default of the other.
    private static func brief(_ entries: [YAMLEntry], standard: [YAMLEntry], at path: String) -> [YAMLEntry] {
        let standards = Dictionary(standard.map { ($0.key, $0.value) }) { first, _ in first }
        let differing = Set(entries.filter { standards[$0.key] != $0.value }.map(\.key))
        let pair: Set = ["roles", "databases"]
        let kept = ["formatVersion", "name"] + (path == "postgresql" && !differing.isDisjoint(with: pair) ? Array(pair) : [])
        return entries.compactMap { entry in
            guard differing.contains(entry.key) || kept.contains(entry.key) else { return nil }
            guard case .section(let inner) = entry.value, case .section(let usual) = standards[entry.key] else { return entry }
            let below = brief(inner, standard: usual, at: path.isEmpty ? entry.key : "\(path).\(entry.key)")
            return YAMLEntry(key: entry.key, value: .section(below))
        }
    }

    static func entries(_ spec: ApplianceSpec) -> [YAMLEntry] {
        var text = YAMLWriter()
        text.pair("formatVersion", ApplianceSpec.currentFormat)
        text.pair("name", spec.name.rawValue)
        text.section("machine") { render(spec.machine, to: &$0) }
        text.section("network") { render(spec.network, to: &$0) }
        text.section("data") {
            $0.pair("size", spec.dataDisk.size)
            $0.pair("adopt", spec.dataDisk.adopt)
        }
        text.section("postgresql") { render(spec.postgresql, to: &$0) }
        text.section("verify") {
            $0.section("limits") {
                for (name, value) in spec.verification.limits.sorted(by: { $0.key < $1.key }) { $0.pair(name, value) }
            }
        }
        return text.entries
    }

    private static func render(_ machine: ApplianceSpec.Machine, to text: inout YAMLWriter) {
        text.pair("backend", machine.backend.rawValue)
        text.pair("accelerator", machine.accelerator.rawValue)
        text.pair("vcpus", machine.vcpus)
        text.pair("memory", machine.memory)
        text.pair("image", machine.image.description)
        text.section("systemDisk") {
            $0.pair("size", machine.systemDisk.size)
            $0.pair("layout", machine.systemDisk.layout.rawValue)
        }
        if let libvirt = machine.libvirt {
            text.section("libvirt") {
                $0.pair("uri", libvirt.uri)
                $0.pair("pool", libvirt.pool)
            }
        }
        if let proxmox = machine.proxmox { text.section("proxmox") { render(proxmox, to: &$0) } }
    }

    private static func render(_ proxmox: ApplianceSpec.Proxmox, to text: inout YAMLWriter) {
        text.pair("url", proxmox.url)
        text.pair("tokenFile", proxmox.tokenFile)
        text.pair("caFile", proxmox.caFile)
        text.pair("fingerprint", proxmox.fingerprint)
        text.pair("node", proxmox.node)
        text.pair("storage", proxmox.storage)
        text.pair("imageStorage", proxmox.imageStorage)
        text.pair("isoStorage", proxmox.isoStorage)
        text.pair("pool", proxmox.pool)
        text.pair("ha", proxmox.ha)
    }

    private static func render(_ network: ApplianceSpec.Network, to text: inout YAMLWriter) {
        text.pair("mode", network.mode.rawValue)
        if network.forwarder != .auto { text.pair("forwarder", network.forwarder.rawValue) }
        text.pair("device", network.device)
        text.pair("address", network.address.description)
        text.pair("gateway", network.gateway?.description)
        if !network.nameServers.isEmpty { text.pair("nameServers", network.nameServers.map(\.description)) }
        text.pair("sshPort", network.sshPort.map(Int.init))
        text.pair("postgresqlPort", network.postgresqlPort.map(Int.init))
    }

    private static func render(_ server: ApplianceSpec.PostgreSQL, to text: inout YAMLWriter) {
        text.pair("version", server.version)
        text.pair("source", server.source.rawValue)
        text.pair("profile", server.profile.rawValue)
        text.pair("locale", server.locale)
        text.pair("timeZone", server.timeZone)
        text.pair("allowFrom", server.allowFrom.map(\.description))
        text.section("settings") {
            for (name, value) in server.settings.sorted(by: { $0.key < $1.key }) { $0.pair(name, value) }
        }
        text.list("roles", server.roles) {
            $1.pair("name", $0.name)
            $1.pair("memberOf", $0.memberOf)
            // Only where it is so: an earlier pgkvm reads the files of all others.
            if $0.replication { $1.pair("replication", true) }
        }
        text.list("databases", server.databases) {
            $1.pair("name", $0.name)
            $1.pair("owner", $0.owner)
            $1.pair("extensions", $0.extensions)
        }
    }
}

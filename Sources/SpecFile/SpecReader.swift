internal import ApplianceModel
internal import Basics
internal import Quoting
internal import Yams

/// Walks the nodes of a document, collecting every fault instead of stopping at the first.
struct SpecReader {
    let document: YAMLDocument
    private(set) var faults: [LocatedFault] = []
    /// The paths of the faults.
    private var faulty: Set<String> = []
    /// Where each key that was read stands, for the rules, which know paths only.
    private(set) var lines: [String: Int] = [:]

    init(_ document: YAMLDocument) { self.document = document }

    /// The spec, nil when it has no usable name.
    mutating func readSpec(nameOverride: ApplianceName?) -> ApplianceSpec? {
        let top = section(document.root, at: "", keys: SpecKeys.top)
        if number(top, "formatVersion") == nil, !top.has("formatVersion") {
            report(nil, "formatVersion", "is missing; write 'formatVersion: \(ApplianceSpec.currentFormat)'")
        }
        let name = readName(top, nameOverride)
        // The rules are asked in any case, so that a missing name hides nothing.
        guard let stand = name ?? ApplianceName("unnamed") else { return nil }
        var spec = ApplianceSpec(name: stand)
        readMachine(child(top, "machine", SpecKeys.machine), into: &spec.machine)
        readNetwork(child(top, "network", SpecKeys.network), into: &spec.network)
        readData(child(top, "data", SpecKeys.data), into: &spec.dataDisk)
        readServer(child(top, "postgresql", SpecKeys.postgresql), into: &spec.postgresql)
        spec.verification.limits = words(child(top, "verify", SpecKeys.verify), "limits", what: "a limit has one value", example: "write one such as 5ms") {
            $0
        }
        applyRules(to: spec)
        return name == nil ? nil : spec
    }

    private mutating func readName(_ top: Section, _ nameOverride: ApplianceName?) -> ApplianceName? {
        let text = text(top, "name")
        if let nameOverride { return nameOverride }
        guard let text else {
            if !top.has("name") { report(nil, "name", "is missing; allowed are \(ApplianceName.rule)") }
            return nil
        }
        if let name = ApplianceName(text) { return name }
        report(top.line("name"), "name", "\(SpecRules.shown(text)) is not a name for an appliance; allowed are \(ApplianceName.rule)")
        return nil
    }

    private mutating func readMachine(_ section: Section, into machine: inout ApplianceSpec.Machine) {
        set(&machine.backend, choice(section, "backend"))
        set(&machine.accelerator, choice(section, "accelerator"))
        set(&machine.vcpus, number(section, "vcpus"))
        set(&machine.memory, size(section, "memory"))
        set(&machine.image, text(section, "image").map { ImageChoice($0) })
        let disk = child(section, "systemDisk", SpecKeys.systemDisk)
        set(&machine.systemDisk.size, size(disk, "size"))
        set(&machine.systemDisk.layout, choice(disk, "layout"))
        if section.has("libvirt") { machine.libvirt = readLibvirt(child(section, "libvirt", SpecKeys.libvirt)) }
        if section.has("proxmox") { machine.proxmox = readProxmox(child(section, "proxmox", SpecKeys.proxmox)) }
    }

    private mutating func readLibvirt(_ section: Section) -> ApplianceSpec.Libvirt {
        var libvirt = ApplianceSpec.Libvirt()
        set(&libvirt.uri, text(section, "uri"))
        set(&libvirt.pool, text(section, "pool"))
        return libvirt
    }

    private mutating func readProxmox(_ section: Section) -> ApplianceSpec.Proxmox? {
        let (url, storage) = (required(section, "url"), required(section, "storage"))
        var proxmox = ApplianceSpec.Proxmox(url: url ?? "", storage: storage ?? "")
        for (key, place) in [
            ("tokenFile", \ApplianceSpec.Proxmox.tokenFile), ("caFile", \.caFile), ("fingerprint", \.fingerprint), ("imageStorage", \.imageStorage),
            ("isoStorage", \.isoStorage), ("pool", \.pool),
        ] where !section.isNull(key) { proxmox[keyPath: place] = text(section, key) }
        set(&proxmox.node, text(section, "node"))
        set(&proxmox.ha, flag(section, "ha"))
        return url == nil || storage == nil ? nil : proxmox
    }

    private mutating func readNetwork(_ section: Section, into network: inout ApplianceSpec.Network) {
        set(&network.mode, choice(section, "mode"))
        set(&network.forwarder, choice(section, "forwarder"))
        if !section.isNull("device") { network.device = text(section, "device") }
        if let text = text(section, "address") {
            if let address = ApplianceSpec.Network.Address(text) {
                network.address = address
            } else {
                report(
                    section.line("address"), section.path(of: "address"),
                    "\(SpecRules.shown(text)) is no address of a guest; allowed are dhcp, static and forms such as 192.168.1.20/24"
                        + Suggestion.text(for: text, among: ["dhcp", "static"]))
            }
        }
        if !section.isNull("gateway"), let text = text(section, "gateway") {
            network.gateway = address(text, section.line("gateway"), section.path(of: "gateway"))
        }
        for (item, node) in items(section, "nameServers", limit: SpecLimits.nameServers, "name servers") {
            if let text = text(node, at: item), let address = address(text, node.mark?.line, item) { network.nameServers.append(address) }
        }
        network.sshPort = port(section, "sshPort")
        network.postgresqlPort = port(section, "postgresqlPort")
    }

    private mutating func address(_ text: String, _ line: Int?, _ path: String) -> IPv4Address? {
        if let address = IPv4Address(text) { return address }
        report(line, path, "\(SpecRules.shown(text)) is not an IPv4 address such as 192.168.1.1")
        return nil
    }

    private mutating func readData(_ section: Section, into disk: inout ApplianceSpec.DataDisk) {
        set(&disk.size, size(section, "size"))
        if !section.isNull("adopt") { disk.adopt = text(section, "adopt") }
    }

    private mutating func readServer(_ section: Section, into server: inout ApplianceSpec.PostgreSQL) {
        if !section.isNull("version") { server.version = number(section, "version") }
        set(&server.source, choice(section, "source"))
        set(&server.profile, choice(section, "profile"))
        set(&server.locale, text(section, "locale"))
        set(&server.timeZone, text(section, "timeZone"))
        for (item, node) in items(section, "allowFrom", limit: SpecLimits.networks, "networks") {
            guard let text = text(node, at: item) else { continue }
            if let network = IPv4Network(text) {
                server.allowFrom.append(network)
            } else {
                report(node.mark?.line, item, "\(SpecRules.shown(text)) is not an IPv4 network; allowed are forms such as 10.0.2.0/24, without host bits")
            }
        }
        server.settings = words(
            section, "settings", limit: SpecLimits.settings,
            what: "a setting has one value: lists are written 'a, b', and a value that begins with '[' or '{' needs quotes",
            example: "write '' for an empty one"
        ) { SettingRules.canonicalName($0) ?? $0 }
        // The role and the database of the default belong together: they are for a file that names neither.
        if ["roles", "databases"].contains(where: { section.has($0) && !section.isNull($0) }) {
            server.roles = []
            server.databases = []
        }
        for (item, node) in items(section, "roles", limit: SpecLimits.roles, "roles") {
            let fields = self.section(node, at: item, keys: SpecKeys.role)
            let name = required(fields, "name")
            let groups = texts(fields, "memberOf", limit: SpecLimits.memberships, "roles")
            let replication = flag(fields, "replication") ?? false
            if let name { server.roles.append(ApplianceSpec.Role(name: name, memberOf: groups, replication: replication)) }
        }
        for (item, node) in items(section, "databases", limit: SpecLimits.databases, "databases") {
            let fields = self.section(node, at: item, keys: SpecKeys.database)
            let name = required(fields, "name")
            let owner = required(fields, "owner")
            let extensions = texts(fields, "extensions", limit: SpecLimits.extensions, "extensions")
            if let name, let owner { server.databases.append(ApplianceSpec.Database(name: name, owner: owner, extensions: extensions)) }
        }
    }

    /// A section with keys of any name, whose values keep their text, whatever YAML takes them for: `on`, `1.1`, `'%m [%p] '`.
    /// - Parameter name: the spelling that all keys with one meaning have in common.
    private mutating func words(
        _ section: Section, _ key: String, limit: Int = .max, what: String, example: String, name: (String) -> String
    ) -> [String: String] {
        guard let node = section.value(key), !section.isNull(key) else { return [:] }
        let path = section.path(of: key)
        if let count = node.mapping?.count, let fault = SpecLimits.fault(path, count, limit, key) {
            report(node.mark?.line, path, fault.message)
            return [:]
        }
        var result: [String: String] = [:]
        var seen: [String: (key: String, line: Int?)] = [:]
        for (key, value) in self.section(node, at: path, keys: nil).fields {
            let line = value.mark?.line
            let name = name(key)
            if let earlier = seen.updateValue((key, line), forKey: name) {
                let place = earlier.line.map { " in line \($0)" } ?? ""
                report(line, "\(path).\(key)", "is the same as \(SpecRules.shown(earlier.key))\(place): upper and lower case make no difference; keep one")
                continue
            }
            note(value, at: "\(path).\(name)")
            if isRefused(value, at: "\(path).\(key)") { continue }
            guard let scalar = value.scalar else {
                report(line, "\(path).\(key)", "is a list or a section; \(what)")
                continue
            }
            if YAMLValue.isNull(scalar) {
                let quoted = document.advice(line: line).map { "; a '#' begins a comment unless it is in quotes: \($0)" } ?? ""
                report(line, "\(path).\(key)", "has no value; \(example)\(quoted)")
            } else {
                result[name] = scalar.string
            }
        }
        return result
    }

    /// Adds what the rules find, unless a fault of the same part of the file already explains it.
    private mutating func applyRules(to spec: ApplianceSpec) {
        let read = faulty
        func isFaulty(_ prefix: String) -> Bool { read.contains { $0.utf8.starts(with: prefix.utf8) } }
        // Entries that could not be read are missing from the lists, so their positions would be wrong.
        let parts = ["postgresql.roles", "postgresql.databases", "postgresql.allowFrom"].filter(isFaulty)
        let isVersionOpen = isFaulty("postgresql.source") || isFaulty("machine.image")
        let areRolesOpen = parts.contains("postgresql.roles")
        for fault in SpecRules.faults(in: spec) {
            if read.contains(fault.path) || parts.contains(where: { fault.path.utf8.starts(with: $0.utf8) }) { continue }
            if fault.path == "postgresql.version", isVersionOpen { continue }
            if areRolesOpen, fault.path.utf8.starts(with: "postgresql.databases".utf8), fault.path.ends(with: ".owner") { continue }
            report(nil, fault.path, fault.message)
        }
    }

    /// The line of a path or of the nearest part above it.
    private func line(of path: String) -> Int? {
        var path = path[...]
        while !path.isEmpty {
            if let line = lines[String(path)] { return line }
            path = path.lastIndex { $0 == "." || $0 == "[" }.map { path[..<$0] } ?? ""
        }
        return nil
    }
}

extension SpecReader {
    mutating func report(_ line: Int?, _ path: String, _ message: String) {
        faults.append(LocatedFault(line: line ?? self.line(of: path), path: path.isEmpty ? nil : path, message: message))
        faulty.insert(path)
    }

    func isFaulty(_ path: String) -> Bool { faulty.contains(path) }

    mutating func note(_ node: Node, at path: String) { lines[path] = node.mark?.line }
}

private func set<Value>(_ target: inout Value, _ value: Value?) {
    if let value { target = value }
}

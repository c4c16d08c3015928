package import ApplianceModel
internal import HostSystem

/// What `pgkvm proxmox check` tells of a server, before there is any machine.
package struct ProxmoxCheck: Sendable {
    private let connection: ProxmoxConnection
    private let environment: @Sendable (String) -> String?
    private let timing: PVETiming
    private let bridge: String?

    /// - Parameters:
    ///   - environment: the value of a variable; the token may be in one.
    ///   - bridge: the one that the machines are to be on; nil only lists them.
    package init(
        connection: ProxmoxConnection, bridge: String? = nil, environment: @escaping @Sendable (String) -> String?, timing: PVETiming = PVETiming()
    ) {
        self.connection = connection
        self.bridge = bridge
        self.environment = environment
        self.timing = timing
    }

    /// Looks at everything, also behind something that is missing. What the server cannot be asked ends it with one finding.
    package func run() async -> [Finding] {
        var findings: [Finding] = []
        do {
            let token = try PVEToken.find(file: connection.tokenFile, environment: environment)
            let client = PVEClient(connection: connection, token: token, timing: timing)
            let release = try await release(client, &findings)
            let cluster = try await ClusterView.read(client)
            let nodes = chosen(cluster)
            if nodes.isEmpty {
                findings.append(
                    Finding(
                        check: "proxmox.nodes", level: .fail, measured: connection.node.map { "'\($0)' is not there or offline" } ?? "none online",
                        expected: "a node that is online", remedy: "look at it on a node: pvecm status"))
            }
            for node in nodes { findings.append(Self.room(node)) }
            var stores: [StoreView] = []
            for node in nodes { stores += try await self.stores(node, client, &findings) }
            for node in nodes { findings.append(try await bridges(node, client)) }
            findings += try await rights(client, release, nodes: nodes.map(\.name), stores: Set(stores.map(\.name)))
        } catch {
            let failure = error as? Failure ?? Failure(.proxmoxUnreachable, "\(error)")
            findings.append(
                Finding(check: "proxmox.server", level: .fail, measured: failure.message, expected: "a server that answers", remedy: failure.remedy))
        }
        return findings
    }

    private func chosen(_ cluster: ClusterView) -> [NodeView] {
        cluster.nodes.filter { !$0.isOffline && (connection.node == nil || connection.node == $0.name) }
    }

    private func release(_ client: PVEClient, _ findings: inout [Finding]) async throws -> PVERelease {
        let data = try await client.data(.version)
        guard let text = data["release"]?.text ?? data["version"]?.text, let release = PVERelease(text) else {
            throw Failure(.proxmoxNotProxmox, "the server does not tell its version", remedy: "'machine.proxmox.url' has to be that of a Proxmox VE server")
        }
        let isNew = release >= .oldest
        findings.append(
            Finding(
                check: "proxmox.version", level: isNew ? .pass : .fail, measured: "Proxmox VE \(release)", expected: "\(PVERelease.oldest) or later",
                remedy: isNew ? nil : "upgrade the node: apt-get update && apt-get dist-upgrade"))
        return release
    }

    private static func room(_ node: NodeView) -> Finding {
        var told: [String] = []
        if let free = node.freeMemory, let memory = node.memory { told.append("\(free.mebibytes) of \(memory.mebibytes) MiB memory free") }
        if let processors = node.processors, let load = node.load { told.append("\(Int(((1 - load) * 100).rounded())) % of \(processors) processors idle") }
        return Finding(
            check: "proxmox.nodes", level: told.isEmpty ? .skip : .pass,
            measured: "\(node.name): \(told.isEmpty ? "tells nothing" : told.joined(separator: ", "))",
            expected: "room for a machine",
            remedy: told.isEmpty ? "the token has no Sys.Audit on /nodes/\(node.name); 'node: auto' then goes by space alone" : nil)
    }

    private func stores(_ node: NodeView, _ client: PVEClient, _ findings: inout [Finding]) async throws -> [StoreView] {
        let stores = try await client.data(.storages(node: node.name)).elements.compactMap(StoreView.init(status:)).sorted { $0.name < $1.name }
        for store in stores {
            findings.append(
                Finding(
                    check: "proxmox.storage", level: store.isActive ? .pass : .warn,
                    measured:
                        "\(node.name)/\(store.name) (\(store.kind)\(store.isShared ? ", shared" : "")): \(store.content.sorted().joined(separator: ", ")); "
                        + "\(store.available.mebibytes) MiB free",
                    expected: "active", remedy: store.isActive ? nil : "see why on the node: pvesm status"))
        }
        do {
            let wanted = Wanted(
                vcpus: 1, memory: .mebibytes(1), space: ByteSize(bytes: 0), bridge: "", storage: connection.storage, imageStorage: connection.imageStorage,
                isoStorage: connection.isoStorage, needsSharedStorage: connection.ha)
            let site = try NodeExamination.site(node: node.name, stores: stores, wanted)
            findings.append(
                Finding(
                    check: "proxmox.stores", level: .pass,
                    measured: "\(node.name): disks on '\(site.store.name)', images on '\(site.imageStore.name)', seeds on '\(site.isoStore.name)'",
                    expected: "stores for images, import and iso"))
            return [site.store, site.imageStore, site.isoStore]
        } catch let error as Failure {
            findings.append(
                Finding(
                    check: "proxmox.stores", level: .fail, measured: error.message, expected: "stores for images, import and iso", remedy: error.remedy))
            return stores
        }
    }

    private func bridges(_ node: NodeView, _ client: PVEClient) async throws -> Finding {
        let names = try await client.data(.bridges(node: node.name)).elements.compactMap { $0["iface"]?.text }.sorted()
        let isThere = bridge.map(names.contains) ?? !names.isEmpty
        let role = PVEPermission("/sdn/zones/localnetwork", "SDN.Use").grant(to: client.token)
        return Finding(
            check: "proxmox.bridges", level: isThere ? .pass : .fail, measured: "\(node.name): \(names.isEmpty ? "none" : names.joined(separator: ", "))",
            expected: bridge.map { "'\($0)'" } ?? "a bridge for the machines",
            remedy: isThere ? nil : "make one (Node > System > Network); when there is one: as root on a node: \(role)")
    }

    /// What the token needs, one finding for each path.
    private func rights(_ client: PVEClient, _ release: PVERelease, nodes: [String], stores: Set<String>) async throws -> [Finding] {
        var findings: [Finding] = []
        for need in Self.needs(release, pool: connection.pool, nodes: nodes, stores: stores.sorted(), ha: connection.ha) {
            let data = try await client.data(.permissions(on: need.permission.path))
            let has = need.permission.privileges.filter { data[need.permission.path]?[$0] != nil }
            let missing = need.permission.privileges.filter { !has.contains($0) }
            guard !missing.isEmpty else {
                findings.append(
                    Finding(
                        check: "proxmox.rights", level: .pass, measured: "\(need.permission.path): all",
                        expected: need.permission.privileges.joined(separator: ", ")))
                continue
            }
            let grant = PVEPermission(path: need.permission.path, privileges: missing).grant(to: client.token)
            findings.append(
                Finding(
                    check: "proxmox.rights", level: need.isOptional ? .warn : .fail,
                    measured: "\(need.permission.path): \(client.token.identifier) has not \(missing.joined(separator: ", "))",
                    expected: need.permission.privileges.joined(separator: ", "),
                    remedy: "\(need.isOptional ? "\(need.purpose); " : "")as root on a node: \(grant)"))
        }
        return findings
    }

    struct Need: Equatable {
        let permission: PVEPermission
        /// What is lost without it.
        var purpose = ""
        var isOptional: Bool { !purpose.isEmpty }
    }

    /// The least rights that a deployment needs, from its start to its end.
    static func needs(_ release: PVERelease, pool: String?, nodes: [String], stores: [String], ha: Bool) -> [Need] {
        let machine = [
            "VM.Allocate", "VM.Audit", "VM.PowerMgmt", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Disk", "VM.Config.Network", "VM.Config.Options",
            "VM.Config.HWType", "VM.Config.CDROM", PVEPermission.agentPrivilege(release),
        ]
        var needs = [Need(permission: PVEPermission(path: pool.map { "/pool/\($0)" } ?? "/vms", privileges: machine))]
        for store in stores {
            needs.append(Need(permission: PVEPermission("/storage/\(store)", "Datastore.Audit", "Datastore.AllocateSpace", "Datastore.AllocateTemplate")))
            needs.append(
                Need(
                    permission: PVEPermission("/storage/\(store)", "Datastore.Allocate"),
                    purpose: "without it a seed that was used is blanked and not deleted"))
        }
        needs.append(Need(permission: PVEPermission("/sdn/zones/localnetwork", "SDN.Use")))
        for node in nodes {
            needs.append(
                Need(permission: PVEPermission("/nodes/\(node)", "Sys.Audit"), purpose: "without it the node does not tell its free memory and processors"))
        }
        if ha { needs.append(Need(permission: PVEPermission("/", "Sys.Console"))) }
        return needs
    }
}

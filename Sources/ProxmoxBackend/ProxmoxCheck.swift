package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend

/// What `pgkvm proxmox check` reports about a server, before there is any machine.
package struct ProxmoxCheck: Sendable {
    let connection: ProxmoxConnection
    private let spec: ApplianceSpec?
    private let deployment: DeploymentID?
    private let environment: @Sendable (String) -> String?
    private let timing: PVETiming
    let bridge: String?

    /// - Parameters:
    ///   - spec: the spec to deploy; nil checks only what every machine needs.
    ///   - deployment: what was deployed from the spec here; nil while nothing was.
    ///   - environment: returns the value of an environment variable; the token may be in one.
    ///   - bridge: the bridge that the machines will use; nil only lists the bridges.
    package init(
        connection: ProxmoxConnection, spec: ApplianceSpec? = nil, deployment: DeploymentID? = nil, bridge: String? = nil,
        environment: @escaping @Sendable (String) -> String?,
        timing: PVETiming = PVETiming()
    ) {
        self.connection = connection
        self.spec = spec
        self.deployment = deployment
        self.bridge = bridge
        self.environment = environment
        self.timing = timing
    }

    /// Checks everything, even after something is found missing. If the server cannot be queried, the check ends with one finding.
    package func run() async -> [Finding] {
        var findings: [Finding] = []
        do {
            let token = try PVEToken.find(for: ServerAddress(url: connection.url), file: connection.tokenFile, environment: environment)
            let client = PVEClient(connection: connection, token: token, timing: timing)
            let release = try await release(client, &findings)
            let cluster = try await ClusterView.read(client)
            if let spec { await findings += finding("proxmox.name") { try await name(spec, cluster, client) } }
            await findings += finding("proxmox.pool") { try await ProxmoxBackend.pool(connection.pool, client) }
            let nodes = chosen(cluster)
            if nodes.isEmpty {
                findings.append(
                    Finding(
                        check: "proxmox.nodes", level: .fail, measured: connection.node.map { "'\($0)' is not there or offline" } ?? "none online",
                        expected: "a node that is online", remedy: "look at it on a node: pvecm status"))
            }
            var views: [(findings: [Finding], stores: [StoreUse])] = []
            for node in nodes { views.append(await look(at: node, client)) }
            // One node that can take the machine is enough where the spec does not name a node.
            let isFree = connection.node == nil && views.contains { $0.findings.allPassed }
            findings += views.flatMap(\.findings).map { isFree && $0.level == .fail ? $0.asWarning : $0 }
            findings += await rights(client, release, nodes: nodes.map(\.name), stores: Array(Set(views.flatMap(\.stores))))
        } catch {
            let failure = error as? Failure ?? Failure(.proxmoxUnreachable, "\(error)")
            findings.append(
                Finding(check: "proxmox.server", level: .fail, measured: failure.message, expected: "a server that answers", remedy: failure.remedy))
        }
        return findings
    }

    /// A query that fails becomes a finding, and does not prevent the other checks.
    func finding(_ check: String, _ body: () async throws -> [Finding]) async -> [Finding] {
        do {
            return try await body()
        } catch {
            let failure = error as? Failure ?? Failure(.proxmoxUnreachable, "\(error)")
            return [Finding(check: check, level: .fail, measured: failure.message, expected: "an answer without a refusal", remedy: failure.remedy)]
        }
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

    private func name(_ spec: ApplianceSpec, _ cluster: ClusterView, _ client: PVEClient) async throws -> [Finding] {
        let own = try await ProxmoxBackend.checkName(spec.name, of: deployment, in: cluster, client)
        return [
            Finding(
                check: "proxmox.name", level: .pass,
                measured: own.map { "VM \($0.place.vmid) of that name is this appliance's" } ?? "no machine is called '\(spec.name)'",
                expected: "no other machine of that name")
        ]
    }

    // MARK: A node

    private func look(at node: NodeView, _ client: PVEClient) async -> (findings: [Finding], stores: [StoreUse]) {
        // Used even where the stores cannot be queried.
        var seen = StoreUse.expected(connection, [])
        var findings = await finding("proxmox.nodes") {
            if let machine = spec?.machine { try NodeExamination.check(node, vcpus: machine.vcpus, memory: machine.memory) }
            return [Self.room(node)]
        }
        await findings += finding("proxmox.stores") {
            var findings: [Finding] = []
            seen = try await stores(node, client, &findings)
            return findings
        }
        await findings += finding("proxmox.bridges") { [try await bridges(node, client)] }
        return (findings, seen)
    }

    private static func room(_ node: NodeView) -> Finding {
        var told: [String] = []
        if let free = node.freeMemory, let memory = node.memory { told.append("\(free.mebibytes) of \(memory.mebibytes) MiB memory free") }
        if let processors = node.processors, let load = node.load {
            told.append("\(Int(saturating: ((1 - load) * 100).rounded())) % of \(processors) processors idle")
        }
        return Finding(
            check: "proxmox.nodes", level: told.isEmpty ? .skip : .pass,
            measured: "\(node.name): \(told.isEmpty ? "tells nothing" : told.joined(separator: ", "))",
            expected: "room for a machine",
            remedy: told.isEmpty ? "the token has no Sys.Audit on /nodes/\(node.name); 'node: auto' then goes by space alone" : nil)
    }

    private func stores(_ node: NodeView, _ client: PVEClient, _ findings: inout [Finding]) async throws -> [StoreUse] {
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
                vcpus: 1, memory: .mebibytes(1), space: ByteSize(bytes: spec.map { $0.machine.systemDisk.size.bytes + $0.dataDisk.size.bytes } ?? 0),
                bridge: "", storage: connection.storage, imageStorage: connection.imageStorage, isoStorage: connection.isoStorage,
                needsSharedStorage: connection.ha)
            let site = try NodeExamination.site(node: node.name, stores: stores, wanted)
            findings.append(
                Finding(
                    check: "proxmox.stores", level: .pass,
                    measured: "\(node.name): disks on '\(site.store.name)', images on '\(site.imageStore.name)', seeds on '\(site.isoStore.name)'",
                    expected: "stores for images, import and iso"))
            return StoreUse.all(of: site)
        } catch let error as Failure {
            findings.append(
                Finding(
                    check: "proxmox.stores", level: .fail, measured: error.message, expected: "stores for images, import and iso", remedy: error.remedy))
            return StoreUse.expected(connection, stores)
        }
    }

    private func bridges(_ node: NodeView, _ client: PVEClient) async throws -> Finding {
        let bridges = try await client.data(.bridges(node: node.name)).elements.compactMap(BridgeView.init).sorted { $0.name < $1.name }
        let list = bridges.map { $0.isActive ? $0.name : "\($0.name) (not active)" }.joined(separator: ", ")
        let isThere = bridges.contains { $0.isActive && $0.name == bridge ?? $0.name }
        let role = PVEPermission("/sdn/zones/localnetwork", "SDN.Use").grant(to: client.token)
        return Finding(
            check: "proxmox.bridges", level: isThere ? .pass : .fail, measured: "\(node.name): \(list.isEmpty ? "none" : list)",
            expected: bridge.map { "'\($0)'" } ?? "a bridge for the machines",
            remedy: isThere
                ? nil
                : "make one, or apply its configuration (Node > System > Network); when there is one: as root on a node: \(role)")
    }
}

extension Finding {
    /// The same as a warning, where another node is suitable.
    fileprivate var asWarning: Finding {
        Finding(check: check, level: .warn, measured: "\(measured); another node can take the machine", expected: expected, remedy: remedy)
    }
}

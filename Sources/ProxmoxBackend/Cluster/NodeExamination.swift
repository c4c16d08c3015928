internal import ApplianceModel
package import Basics

/// The stores of a node that hold the parts of a machine.
struct Site: Sendable, Equatable {
    let node: String
    let store: StoreView
    let imageStore: StoreView
    let isoStore: StoreView
}

/// Examines whether a node can take a machine: refuses whatever the server would accept now but refuse at the start.
struct NodeExamination {
    let client: PVEClient
    let wanted: Wanted

    /// - Throws: the reason why the node is unfit, with the remedy.
    func site(on node: NodeView) async throws -> Site {
        try Self.check(node, vcpus: wanted.vcpus, memory: wanted.memory)
        async let storages = client.data(.storages(node: node.name))
        async let bridges = client.data(.bridges(node: node.name))
        let stores = try await storages.elements.compactMap(StoreView.init(status:))
        try Self.check(bridge: wanted.bridge, among: await bridges.elements.compactMap(BridgeView.init), on: node.name)
        return try Self.site(node: node.name, stores: stores, wanted)
    }

    /// The server accepts more processors than the node has in the configuration, but refuses the start.
    static func check(_ node: NodeView, vcpus: Int, memory: ByteSize) throws {
        if let processors = node.processors, processors < vcpus { throw noRoom(node, "\(processors) processors", "machine.vcpus", "\(vcpus)") }
        if let present = node.memory, present <= memory { throw noRoom(node, "\(present.mebibytes) MiB memory", "machine.memory", "\(memory)") }
    }

    private static func noRoom(_ node: NodeView, _ has: String, _ key: String, _ value: String) -> Failure {
        Failure(
            .proxmoxNoRoom, "the node '\(node.name)' has \(has), and '\(key)' asks for \(value)",
            remedy: "ask for less, or name another node in 'machine.proxmox.node'")
    }

    /// The server accepts a missing bridge at the creation, but refuses the start.
    static func check(bridge: String, among bridges: [BridgeView], on node: String) throws {
        let seen = bridges.first { $0.name == bridge }
        if seen?.isActive == true { return }
        guard seen == nil else {
            throw Failure(
                .proxmoxNoBridge, "the bridge '\(bridge)' of node '\(node)' is configured and not active",
                remedy: "apply the configuration (Node > System > Network > Apply Configuration), or as root there: ifreload -a")
        }
        let names = bridges.filter(\.isActive).map(\.name)
        throw Failure(
            .proxmoxNoBridge, "the node '\(node)' has no bridge '\(bridge)' that this token may use",
            remedy: names.isEmpty
                ? "make one (Node > System > Network), or grant SDN.Use: 'pgkvm proxmox check' has the line"
                : "name one of its own in 'network.device': \(names.sorted().joined(separator: ", "))")
    }

    /// Chooses the stores. Pure.
    static func site(node: String, stores: [StoreView], _ wanted: Wanted) throws -> Site {
        let store = try pick(
            node, stores, content: "images", named: wanted.storage, key: "storage", code: .proxmoxNoStorage, what: "disks of machines", needed: wanted.space,
            shared: wanted.needsSharedStorage)
        let imageStore = try pick(
            node, stores, content: "import", named: wanted.imageStorage, key: "imageStorage", code: .proxmoxNoImportStorage, what: "images to import",
            needed: nil)
        return Site(node: node, store: store, imageStore: imageStore, isoStore: try isoStore(node: node, stores: stores, wanted))
    }

    static func isoStore(node: String, stores: [StoreView], _ wanted: Wanted) throws -> StoreView {
        try pick(node, stores, content: "iso", named: wanted.isoStorage, key: "isoStorage", code: .proxmoxNoStorage, what: "ISO media", needed: nil)
    }

    private static func pick(
        _ node: String, _ stores: [StoreView], content: String, named name: String?, key: String, code: Failure.Code, what: String, needed: ByteSize?,
        shared: Bool = false
    ) throws -> StoreView {
        if let name {
            guard let store = stores.first(where: { $0.name == name }) else {
                throw Failure(
                    .proxmoxNoStorage, "the node '\(node)' shows this token no store '\(name)' (machine.proxmox.\(key))",
                    remedy:
                        "name one of \(listed(stores)), or grant the token its rights on /storage/\(name): 'pgkvm proxmox check' has the line under proxmox.rights"
                )
            }
            guard store.content.contains(content) else {
                let all = store.content.union([content]).sorted().joined(separator: ",")
                throw Failure(
                    code, "the store '\(name)' of node '\(node)' is not for \(what): its content types are \(store.content.sorted().joined(separator: ", "))",
                    remedy: "as root on a node: pvesm set \(name) --content \(all)")
            }
        }
        let fitting = stores.filter { $0.content.contains(content) && (name == nil || $0.name == name) }
        let active = fitting.filter(\.isActive)
        guard !active.isEmpty else {
            if let down = fitting.first {
                throw Failure(
                    code, "the store '\(down.name)' of node '\(node)' is not active",
                    remedy: "see why on the node: pvesm status; it has to be mounted and reachable there")
            }
            throw Failure(
                code, "the node '\(node)' shows this token no store for \(what) (content type '\(content)')",
                remedy: enabling(content, stores) ?? "grant the token its rights on a store: 'pgkvm proxmox check' has the line under proxmox.rights")
        }
        let usable = shared ? active.filter(\.isShared) : active
        guard let best = usable.max(by: { ($0.available, $1.name) < ($1.available, $0.name) }) else {
            throw Failure(
                .proxmoxNotShared, "'machine.proxmox.ha' needs the disks on shared storage, and \(listed(active)) of node '\(node)' is not shared",
                remedy: "name a shared store in 'machine.proxmox.storage' (Ceph, NFS, iSCSI), or set 'ha: false'; on replicated ZFS, deploy so first, make the "
                    + "machine's replication job (pvesr create-local-job), then set 'ha: true' and deploy again")
        }
        if let needed, best.available <= needed {
            throw Failure(
                .proxmoxStorageFull,
                "the store '\(best.name)' of node '\(node)' has \(best.available.mebibytes) MiB free, and \(what) need \(needed.mebibytes) MiB",
                remedy: "free space there, ask for smaller disks, or name another store in 'machine.proxmox.\(key)'")
        }
        return best
    }

    /// The command that makes a store accept a content type.
    private static func enabling(_ content: String, _ stores: [StoreView]) -> String? {
        // Only stores with a file system accept files.
        guard content != "images", let store = stores.filter({ $0.isActive && Self.fileStores.contains($0.kind) }).min(by: { $0.name < $1.name }) else {
            return nil
        }
        return "as root on a node: pvesm set \(store.name) --content \(store.content.union([content]).sorted().joined(separator: ","))"
    }

    private static let fileStores: Set<String> = ["dir", "nfs", "cifs", "cephfs", "btrfs", "glusterfs"]

    private static func listed(_ stores: [StoreView]) -> String {
        stores.isEmpty ? "those that it may see (none)" : stores.map { "'\($0.name)'" }.sorted().joined(separator: ", ")
    }
}

/// A site, its node, and the reason for the choice.
typealias DecidedSite = (site: Site, node: NodeView, reason: String)

/// The node for a new machine, chosen or named.
struct NodeChoice {
    let client: PVEClient
    let wanted: Wanted

    /// The named node, or the first of the ordered nodes that can take the machine.
    /// - Returns: the site, and the reason for the choice.
    /// - Throws: the reason why the named node is unfit; where the choice was free, why the best node is unfit.
    func decide(_ cluster: ClusterView, named: String?) async throws -> DecidedSite {
        let examination = NodeExamination(client: client, wanted: wanted)
        if let named {
            guard let node = cluster.nodes.first(where: { $0.name == named }) else {
                throw Failure(
                    .proxmoxNode, "there is no node '\(named)' in this cluster",
                    remedy: "name one of \(cluster.nodes.map(\.name).joined(separator: ", ")), or 'auto'")
            }
            guard !node.isOffline else {
                throw Failure(.proxmoxNode, "the node '\(named)' is offline", remedy: "wait until it is up again, or name another node or 'auto'")
            }
            return (try await examination.site(on: node), node, "named in the spec")
        }
        var refusals: [(node: String, failure: Failure)] = []
        for candidate in Placement.candidates(try await cluster.withStoresOfNodes(client), for: wanted) {
            do {
                let site = try await examination.site(on: candidate.node)
                let others = refusals.map { "; not '\($0.node)': \($0.failure.message)" }.joined()
                let alone = cluster.nodes.count == 1 ? "the only node: " : ""
                return (site, candidate.node, alone + candidate.reason + others)
            } catch let failure as Failure where Self.isAboutTheNode(failure) {
                refusals.append((candidate.node.name, failure))
            }
        }
        guard let best = refusals.first else {
            throw Failure(.proxmoxNode, "no node of this cluster is online", remedy: "look at it on a node: pvecm status")
        }
        guard refusals.count > 1 else { throw best.failure }
        let all = refusals.map { "\n    \($0.node): \($0.failure.message)" }.joined()
        throw Failure(best.failure.code, "no node of this cluster can take the machine:\(all)", remedy: best.failure.remedy)
    }

    /// Whether another node may be free of the problem.
    static func isAboutTheNode(_ failure: Failure) -> Bool {
        [
            .proxmoxNoRoom, .proxmoxNoBridge, .proxmoxNoStorage, .proxmoxNoImportStorage, .proxmoxNotShared, .proxmoxStorageFull, .proxmoxNode,
            .proxmoxPermission,
        ]
        .contains(failure.code)
    }
}

extension Failure.Code {
    /// The node has no active, visible store for the required content.
    package static let proxmoxNoStorage = Failure.Code("proxmox.no-storage")
    /// No store has the content type `import`.
    package static let proxmoxNoImportStorage = Failure.Code("proxmox.no-import-storage")
    package static let proxmoxStorageFull = Failure.Code("proxmox.storage-full")
    /// The HA manager needs shared storage.
    package static let proxmoxNotShared = Failure.Code("proxmox.not-shared")
    package static let proxmoxNoBridge = Failure.Code("proxmox.no-bridge")
    /// The node has fewer processors or less memory than the machine needs.
    package static let proxmoxNoRoom = Failure.Code("proxmox.no-room")
    /// The server is older than the first version that can do this.
    package static let proxmoxTooOld = Failure.Code("proxmox.too-old")
}

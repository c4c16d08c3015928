internal import ApplianceModel
internal import Basics

/// The cluster as `/nodes` and `/cluster/resources` show it to the token.
struct ClusterView: Sendable {
    let nodes: [NodeView]
    let stores: [StoreView]
    let machines: [MachineView]

    /// - Parameters:
    ///   - nodes: the answer of `/nodes`, which every token may read.
    ///   - resources: the answer of `/cluster/resources`, which omits what the token may not see.
    init(nodes: JSONValue, resources: JSONValue) {
        let rows = resources.elements
        let details = Dictionary(
            rows.filter { $0["type"]?.text == "node" }.compactMap { row in row["node"]?.text.map { ($0, row) } }, uniquingKeysWith: { first, _ in first })
        self.nodes = nodes.elements.compactMap { row in row["node"]?.text.map { NodeView(name: $0, row: row, details: details[$0]) } }
            .sorted { $0.name < $1.name }
        stores = rows.filter { $0["type"]?.text == "storage" }.compactMap(StoreView.init(resource:))
        machines = rows.compactMap(MachineView.init)
    }

    private init(nodes: [NodeView], stores: [StoreView], machines: [MachineView]) {
        self.nodes = nodes
        self.stores = stores
        self.machines = machines
    }

    static func read(_ client: PVEClient) async throws -> ClusterView {
        async let nodes = client.data(.nodes)
        async let resources = client.data(.resources)
        return ClusterView(nodes: try await nodes, resources: try await resources)
    }

    /// The same with each node's own list of stores, because only that shows what is really free. A node that does not answer has no stores.
    func withStoresOfNodes(_ client: PVEClient) async throws -> ClusterView {
        var stores: [StoreView] = []
        for node in nodes where !node.isOffline {
            let call = PVECall.storages(node: node.name)
            let answer = try await client.answer(call)
            guard answer.isSuccess else { continue }
            stores += try answer.data(call, token: client.token).elements.compactMap { StoreView(status: $0, node: node.name) }
        }
        return ClusterView(nodes: nodes, stores: stores, machines: machines)
    }
}

/// A node. A value that the token may not see is nil.
struct NodeView: Sendable, Equatable {
    let name: String
    /// A node whose state is unknown has just come up, and counts as online.
    let isOffline: Bool
    let processors: Int?
    /// The load, as a share of the processors: 0 to 1.
    let load: Double?
    let memory: ByteSize?
    let usedMemory: ByteSize?

    init(name: String, row: JSONValue, details: JSONValue?) {
        func value(_ key: String) -> JSONValue? { details?[key] ?? row[key] }
        self.name = name
        isOffline = (details?["status"] ?? row["status"])?.text == "offline"
        processors = value("maxcpu")?.count.map { Int($0) }
        load = value("cpu")?.fraction
        memory = value("maxmem")?.count.map { ByteSize(bytes: $0) }
        usedMemory = value("mem")?.count.map { ByteSize(bytes: $0) }
    }

    var freeMemory: ByteSize? {
        guard let memory, let usedMemory else { return nil }
        return ByteSize(bytes: max(0, (memory - usedMemory).bytes))
    }
}

/// A store as one node sees it.
struct StoreView: Sendable, Equatable {
    let name: String
    /// Nil in an answer for a single node.
    let node: String?
    /// `dir`, `lvmthin`, `zfspool`, …
    let kind: String
    let content: Set<String>
    let isShared: Bool
    let isActive: Bool
    let total: ByteSize
    /// The free space that the store reports. The cluster's list does not contain it, and unused space may be reserved or belong to others.
    let available: ByteSize

    var provisioning: Provisioning { Provisioning(kind: kind) }

    /// A row of `/cluster/resources`.
    init?(resource row: JSONValue) {
        guard let name = row["storage"]?.text else { return nil }
        self.name = name
        node = row["node"]?.text
        kind = row["plugintype"]?.text ?? ""
        content = Self.types(row)
        isShared = row["shared"]?.flag == true
        isActive = row["status"]?.text == "available"
        total = ByteSize(bytes: row["maxdisk"]?.count ?? 0)
        available = ByteSize(bytes: max(0, total.bytes.subtractingSaturated(row["disk"]?.count ?? 0)))
    }

    /// A row of `/nodes/NODE/storage`.
    init?(status row: JSONValue) { self.init(status: row, node: nil) }

    init?(status row: JSONValue, node: String?) {
        guard let name = row["storage"]?.text else { return nil }
        self.name = name
        self.node = node
        kind = row["type"]?.text ?? ""
        content = Self.types(row)
        isShared = row["shared"]?.flag == true
        isActive = row["active"]?.flag == true
        total = ByteSize(bytes: row["total"]?.count ?? 0)
        available = ByteSize(bytes: row["avail"]?.count ?? 0)
    }

    private static func types(_ row: JSONValue) -> Set<String> {
        Set((row["content"]?.text ?? "").split { ", ".contains($0) }.map(String.init))
    }
}

/// A bridge of a node.
struct BridgeView: Sendable, Equatable {
    let name: String
    /// False for a bridge that is configured but not applied yet: it is in the list but does not exist.
    let isActive: Bool

    init?(_ row: JSONValue) {
        guard let name = row["iface"]?.text else { return nil }
        self.name = name
        isActive = row["active"]?.flag == true
    }
}

/// A machine of the cluster, whether it is ours or not.
struct MachineView: Sendable, Equatable {
    let place: PVEPlace
    /// Nil while its node has not reported a name.
    let name: String?
    let tags: Set<String>
    let isTemplate: Bool

    /// Nil for anything but a QEMU machine.
    init?(_ row: JSONValue) {
        guard row["type"]?.text == "qemu", let node = row["node"]?.text, let vmid = row["vmid"]?.count else { return nil }
        place = PVEPlace(node: node, vmid: Int(vmid))
        name = row["name"]?.text
        tags = Set((row["tags"]?.text ?? "").split { ";, ".contains($0) }.map(String.init))
        isTemplate = row["template"]?.flag == true
    }
}

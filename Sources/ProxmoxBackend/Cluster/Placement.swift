internal import ApplianceModel
internal import Basics

/// What a new machine needs from a node.
struct Wanted: Sendable, Equatable {
    var vcpus: Int
    var memory: ByteSize
    /// The space for both disks together.
    var space: ByteSize
    var bridge: String
    var storage: String?
    var imageStorage: String?
    var isoStorage: String?
    var needsSharedStorage: Bool

    init(
        vcpus: Int, memory: ByteSize, space: ByteSize, bridge: String, storage: String? = nil, imageStorage: String? = nil,
        isoStorage: String? = nil, needsSharedStorage: Bool = false
    ) {
        self.vcpus = vcpus
        self.memory = memory
        self.space = space
        self.bridge = bridge
        self.storage = storage
        self.imageStorage = imageStorage
        self.isoStorage = isoStorage
        self.needsSharedStorage = needsSharedStorage
    }
}

/// Orders the nodes of a cluster for a new machine. Pure.
enum Placement {
    /// A node with the resources that it would have left.
    struct Candidate: Sendable, Equatable {
        let node: NodeView
        /// The scarcest of memory, processors and space with the machine in place, as a share: 0 to 1; below 0 where the machine does not fit.
        let share: Double
        /// The reason for the choice, for people.
        let reason: String
    }

    /// The nodes that are online, beginning with the one that would have the most left. An unknown value of a node counts as nothing left.
    static func candidates(_ cluster: ClusterView, for wanted: Wanted) -> [Candidate] {
        cluster.nodes.filter { !$0.isOffline }.map { candidate($0, cluster.stores, wanted) }
            .sorted { ($1.share, $0.node.name) < ($0.share, $1.node.name) }
    }

    private static func candidate(_ node: NodeView, _ stores: [StoreView], _ wanted: Wanted) -> Candidate {
        var shares: [Double] = []
        var reasons: [String] = []
        if let free = node.freeMemory, let memory = node.memory, memory.bytes > 0 {
            shares.append(Double((free - wanted.memory).bytes) / Double(memory.bytes))
            reasons.append("\(free.mebibytes) of \(memory.mebibytes) MiB memory free")
        } else {
            shares.append(0)
            reasons.append("free memory not told")
        }
        if let processors = node.processors, let load = node.load {
            shares.append(processors < wanted.vcpus ? -1 : 1 - load)
            reasons.append("\(Int(saturating: ((1 - load) * 100).rounded())) % of \(processors) processors idle")
        }
        let fitting = stores.filter { store in
            store.node == node.name && store.isActive && store.content.contains("images") && (wanted.storage == nil || wanted.storage == store.name)
                && (!wanted.needsSharedStorage || store.isShared)
        }
        if let best = fitting.max(by: { ($0.available, $1.name) < ($1.available, $0.name) }), best.total.bytes > 0 {
            shares.append(Double((best.available - wanted.space).bytes) / Double(best.total.bytes))
            reasons.append("\(best.available.mebibytes) MiB free on '\(best.name)'")
        }
        return Candidate(node: node, share: shares.min() ?? 0, reason: reasons.joined(separator: ", "))
    }
}

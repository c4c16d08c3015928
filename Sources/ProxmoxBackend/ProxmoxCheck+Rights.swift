internal import ApplianceModel

/// The token's rights, compared with those that a deployment needs.
extension ProxmoxCheck {
    /// One finding for each path.
    func rights(_ client: PVEClient, _ release: PVERelease, nodes: [String], stores: [StoreUse]) async -> [Finding] {
        var findings: [Finding] = []
        let examination = RightsExamination(client: client)
        let needs = Self.needs(release, pool: connection.pool, bridge: bridge, nodes: nodes, stores: stores, ha: connection.ha)
        for need in needs { await findings += finding("proxmox.rights") { [try await examination.look(at: need)] } }
        return findings
    }

    struct Need: Equatable {
        let permission: PVEPermission
        /// What does not work without it.
        var purpose = ""
        /// Whether the right must also apply to everything below the path.
        var isForBelow = false
        var isOptional: Bool { !purpose.isEmpty }
    }

    /// The minimum rights that a deployment needs, from its start to its end.
    static func needs(_ release: PVERelease, pool: String?, bridge: String?, nodes: [String], stores: [StoreUse], ha: Bool) -> [Need] {
        let machine = [
            "VM.Allocate", "VM.Audit", "VM.PowerMgmt", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Disk", "VM.Config.Network", "VM.Config.Options",
            "VM.Config.HWType", "VM.Config.CDROM", PVEPermission.agentPrivilege(release),
        ]
        var needs = [Need(permission: PVEPermission(path: pool.map { "/pool/\($0)" } ?? "/vms", privileges: machine), isForBelow: pool == nil)]
        for path in Set(stores.map(\.path)).sorted() {
            let uses = stores.filter { $0.path == path }.map(\.use)
            var privileges = ["Datastore.Audit"]
            if uses.contains(.disks) { privileges.append("Datastore.AllocateSpace") }
            if uses.contains(.images) || uses.contains(.media) { privileges.append("Datastore.AllocateTemplate") }
            needs.append(Need(permission: PVEPermission(path: path, privileges: privileges), isForBelow: path == StoreUse.anyPath))
            guard uses.contains(.media) else { continue }
            needs.append(
                Need(permission: PVEPermission(path, "Datastore.Allocate"), purpose: "without it a seed that was used is blanked, and stays blank for good"))
        }
        // A token may have rights on single bridges only; the node's list does not contain the others.
        needs.append(
            bridge.map { Need(permission: PVEPermission("/sdn/zones/localnetwork/\($0)", "SDN.Use")) }
                ?? Need(
                    permission: PVEPermission("/sdn/zones/localnetwork", "SDN.Use"), purpose: "without it only the bridges that are listed can be used",
                    isForBelow: true))
        for node in nodes {
            needs.append(
                Need(permission: PVEPermission("/nodes/\(node)", "Sys.Audit"), purpose: "without it the node does not tell its free memory and processors"))
        }
        if ha {
            needs.append(Need(permission: PVEPermission("/", "Sys.Console")))
            needs.append(Need(permission: PVEPermission("/", "Sys.Audit"), purpose: "without it a later 'ha: false' leaves the machine under HA"))
        }
        return needs
    }
}

/// How a deployment uses a store, and so which rights it needs on it.
struct StoreUse: Hashable {
    enum Use { case disks, images, media }

    /// Nil where no store is named and the token does not see any.
    let store: String?
    let use: Use

    static let anyPath = "/storage"
    var path: String { store.map { "\(Self.anyPath)/\($0)" } ?? Self.anyPath }

    static func all(of site: Site) -> [StoreUse] {
        [
            StoreUse(store: site.store.name, use: .disks), StoreUse(store: site.imageStore.name, use: .images),
            StoreUse(store: site.isoStore.name, use: .media),
        ]
    }

    /// The stores to expect on a node that does not show the token all of them: those that are named, otherwise visible ones that would be suitable,
    /// so that one grant is enough.
    static func expected(_ connection: ProxmoxConnection, _ stores: [StoreView]) -> [StoreUse] {
        func use(_ use: Use, _ name: String?, _ content: String) -> StoreUse {
            let fitting = stores.first { $0.content.contains(content) } ?? stores.first { $0.provisioning == .file }
            return StoreUse(store: name ?? fitting?.name, use: use)
        }
        return [
            use(.disks, connection.storage, "images"), use(.images, connection.imageStorage, "import"), use(.media, connection.isoStorage, "iso"),
        ]
    }
}

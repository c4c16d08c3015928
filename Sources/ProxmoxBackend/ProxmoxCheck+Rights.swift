internal import ApplianceModel

/// The rights of the token, against those that a deployment needs.
extension ProxmoxCheck {
    /// One finding for each path.
    func rights(_ client: PVEClient, _ release: PVERelease, nodes: [String], stores: Set<String>) async -> [Finding] {
        var findings: [Finding] = []
        let needs = Self.needs(release, pool: connection.pool, bridge: bridge, nodes: nodes, stores: stores.sorted(), ha: connection.ha)
        for need in needs { await findings += finding("proxmox.rights") { [try await look(at: need, client)] } }
        return findings
    }

    private func look(at need: Need, _ client: PVEClient) async throws -> Finding {
        let permission = need.permission
        let data = try await client.data(.permissions(on: permission.path))[permission.path]
        // A right comes with the number that says whether it is for what lies below as well.
        let missing = permission.privileges.filter { data?[$0].map { need.isForBelow && !$0.flag } ?? true }
        guard !missing.isEmpty else {
            return Finding(
                check: "proxmox.rights", level: .pass, measured: "\(permission.path): all", expected: permission.privileges.joined(separator: ", "))
        }
        let isOnlyHere = missing.contains { data?[$0] != nil }
        let grant = PVEPermission(path: permission.path, privileges: missing).grant(to: client.token)
        return Finding(
            check: "proxmox.rights", level: need.isOptional ? .warn : .fail,
            measured: "\(permission.path): \(client.token.identifier) has not \(missing.joined(separator: ", "))"
                + (isOnlyHere ? " on what lies below: it is granted without 'propagate'" : ""),
            expected: permission.privileges.joined(separator: ", "),
            remedy: "\(need.isOptional ? "\(need.purpose); " : "")as root on a node: \(grant)")
    }

    struct Need: Equatable {
        let permission: PVEPermission
        /// What is lost without it.
        var purpose = ""
        /// Whether what lies below the path is what it is needed for.
        var isForBelow = false
        var isOptional: Bool { !purpose.isEmpty }
    }

    /// The least rights that a deployment needs, from its start to its end.
    static func needs(_ release: PVERelease, pool: String?, bridge: String?, nodes: [String], stores: [String], ha: Bool) -> [Need] {
        let machine = [
            "VM.Allocate", "VM.Audit", "VM.PowerMgmt", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Disk", "VM.Config.Network", "VM.Config.Options",
            "VM.Config.HWType", "VM.Config.CDROM", PVEPermission.agentPrivilege(release),
        ]
        var needs = [Need(permission: PVEPermission(path: pool.map { "/pool/\($0)" } ?? "/vms", privileges: machine), isForBelow: pool == nil)]
        for store in stores {
            needs.append(Need(permission: PVEPermission("/storage/\(store)", "Datastore.Audit", "Datastore.AllocateSpace", "Datastore.AllocateTemplate")))
            needs.append(
                Need(
                    permission: PVEPermission("/storage/\(store)", "Datastore.Allocate"),
                    purpose: "without it a seed that was used is blanked and not deleted"))
        }
        // A token may have single bridges only; those that it has not are not in the node's list.
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

internal import ApplianceModel
internal import MachineBackend

/// Handing a machine to the cluster's HA manager, once its seed is gone.
extension ProxmoxBackend {
    /// - Throws: `proxmox.not-shared` where the HA manager could not start it on another node.
    func register(_ machine: FoundMachine, _ client: PVEClient) async throws {
        let status = try await status(machine, client)
        guard !status.isManaged else { return }
        try Self.check(
            machine.config.volumes, place: machine.place,
            stores: try await client.data(.storages(node: machine.place.node)).elements.compactMap(StoreView.init(status:)))
        if let medium = machine.config.media.first {
            throw Failure(
                .proxmoxNotShared, "VM \(machine.place.vmid) has the medium '\(medium.volume)' in its drive \(medium.drive), which other nodes do not have",
                remedy: "qm set \(machine.place.vmid) --delete \(medium.drive)")
        }
        let call = PVECall.addToHA(machine.place, isRunning: status.isOn, comment: Self.comment(machine.config["name"] ?? "an appliance"))
        let answer = try await client.answer(call)
        if answer.status == 500, answer.message.contains("already defined") { return }
        _ = try answer.data(call, token: client.token)
    }

    /// What the HA manager shows beside the machine.
    static func comment(_ name: String) -> String { "PostgreSQL appliance \(name), by pgkvm" }

    /// Every disk has to be where every node finds it. Replication does not do: its jobs can only be made once the machine is there, and
    /// a node that takes over begins with what was copied last, without the commits since.
    static func check(_ volumes: [String], place: PVEPlace, stores: [StoreView]) throws {
        for volume in volumes {
            let name = volume.prefix { $0 != ":" }
            guard stores.contains(where: { $0.name == name && $0.isShared }) else {
                throw Failure(
                    .proxmoxNotShared, "VM \(place.vmid) cannot be under HA: its disk '\(volume)' is on '\(name)', which is not shared",
                    remedy: "move it: qm disk move \(place.vmid) DISK STORE --delete 1; or set 'ha: false'; to rely on replication, which may lose the last "
                        + "commits, make its jobs and then: ha-manager add vm:\(place.vmid)")
            }
        }
    }
}

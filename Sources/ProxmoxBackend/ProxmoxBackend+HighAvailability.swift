package import ApplianceModel
internal import Basics
package import MachineBackend

/// Machines that the cluster's HA manager keeps running. It takes a machine over once the seed is gone, since no other node has that medium.
extension ProxmoxBackend: HighAvailabilityProviding {
    package func isAvailabilityAsWanted(for machine: MachineReference) async throws -> Bool {
        let client = try client()
        return try await availabilityChange(of: existing(machine, client), client) == nil
    }

    /// - Throws: `proxmox.not-shared` where the HA manager could not start it on another node, `proxmox.permission`.
    package func settleAvailability(of machine: MachineReference) async throws {
        let client = try client()
        let found = try await existing(machine, client)
        guard let call = try await availabilityChange(of: found, client) else { return }
        if connection.ha {
            _ = try await reach(of: found, client)
            let answer = try await client.answer(call)
            if answer.status == 500, ServerReason.alreadyManaged.isGiven(in: answer.message) { return }
            _ = try answer.data(call, token: client.token)
        } else {
            // From now on the node starts the machine, as the HA manager did, unless someone has already decided otherwise. This comes first: a
            // run that is killed in between can be continued while the machine is under HA.
            if found.config["onboot"] == nil { try await startWithNode(true, found, client) }
            _ = try await client.data(call)
        }
    }

    /// The request that registers the machine with the HA manager, or removes it while it continues to run; nil where everything matches the spec.
    func availabilityChange(of machine: FoundMachine, _ client: PVEClient) async throws -> PVECall? {
        let status = try await status(machine, client)
        guard status.isManaged else {
            return connection.ha ? .addToHA(machine.place, isRunning: status.isOn, comment: Self.comment(machine.name)) : nil
        }
        guard !connection.ha, try await isRegisteredByUs(machine, client) else { return nil }
        return .removeFromHA(machine.place)
    }

    /// A registration by someone else is left alone, and so is one that the token may not see.
    private func isRegisteredByUs(_ machine: FoundMachine, _ client: PVEClient) async throws -> Bool {
        let call = PVECall.resourceOfHA(machine.place)
        let answer = try await client.answer(call)
        guard answer.status != 403 else {
            report("VM \(machine.place.vmid) is under HA and stays so: the token may not see who registered it (Sys.Audit on /)")
            return false
        }
        return try answer.data(call, token: client.token)["comment"]?.text == Self.comment(machine.name)
    }

    /// The text that the HA manager shows for the machine. It identifies pgkvm's own registrations.
    static func comment(_ name: String) -> String { "PostgreSQL appliance \(name), by pgkvm" }

    // MARK: Whether another node could start the machine

    /// How another node can access the machine's disks.
    enum Reach {
        case shared
        /// Through the last copies that these jobs made.
        case copied([ReplicationJob])
    }

    /// - Throws: `proxmox.not-shared` for a disk or medium that no other node has. The seed does not count: it is removed before any registration.
    func reach(of machine: FoundMachine, _ client: PVEClient) async throws -> Reach {
        let seed = machine.config.deployment.map { "iso/" + Self.seedName($0) }
        if let medium = machine.config.media.first(where: { medium in seed.map { !medium.volume.hasSuffix($0) } ?? true }) {
            throw Failure(
                .proxmoxNotShared, "VM \(machine.place.vmid) has the medium '\(medium.volume)' in its drive \(medium.drive), which other nodes do not have",
                remedy: "qm set \(machine.place.vmid) --delete \(medium.drive)")
        }
        let stores = try await client.data(.storages(node: machine.place.node)).elements.compactMap(StoreView.init(status:))
        let local = machine.config.disks.filter { disk in !stores.contains { $0.name == disk.store && $0.isShared } }
        guard let first = local.first else { return .shared }
        let jobs = try await client.data(.replication(machine.place)).elements.compactMap(ReplicationJob.init)
        guard !jobs.isEmpty else { throw Self.isLocal(first, machine.place, "and no replication job copies it") }
        if let spared = local.first(where: { !$0.isReplicated }) { throw Self.isLocal(spared, machine.place, "and has 'replicate=0'") }
        let useful = jobs.filter { $0.obstacle == nil }
        guard !useful.isEmpty else {
            throw Self.isLocal(
                first, machine.place, jobs.map { "and the replication job \($0.name) to '\($0.target)' \($0.obstacle ?? "")" }.joined(separator: ", "))
        }
        return .copied(useful)
    }

    private static func isLocal(_ disk: MachineConfig.Disk, _ place: PVEPlace, _ reason: String) -> Failure {
        Failure(
            .proxmoxNotShared, "VM \(place.vmid) cannot be under HA: its disk '\(disk.volume)' is on '\(disk.store)', which is not shared, \(reason)",
            remedy:
                "move it: qm disk move \(place.vmid) \(disk.drive) STORE --delete 1; or set 'ha: false'; or, where it is on ZFS and the last commits may be lost, "
                + "replicate it: pvesr create-local-job \(place.vmid)-0 NODE --schedule '*/1', and see that it runs: pvesr status --guest \(place.vmid)")
    }

    package func examineAvailability(of machine: MachineReference) async throws -> Finding? {
        guard connection.ha else { return nil }
        let client = try client()
        let expected = "disks that every node finds as they were"
        do {
            switch try await reach(of: existing(machine, client), client) {
            case .shared: return Finding(check: "host.availability", level: .pass, measured: "every disk is on shared storage", expected: expected)
            case .copied(let jobs):
                return Finding(
                    check: "host.availability", level: .warn,
                    measured: jobs.map { "copied to '\($0.target)' by the job \($0.name) (\($0.schedule))" }.joined(separator: ", "), expected: expected,
                    remedy: "a node that takes over begins without the commits since the last copy: keep the disks on shared storage to lose none; "
                        + "and keep the machine on the nodes that have a copy, by a rule or group of the HA manager")
            }
        } catch let failure as Failure where failure.code == .proxmoxNotShared {
            return Finding(check: "host.availability", level: .fail, measured: failure.message, expected: expected, remedy: failure.remedy)
        }
    }
}

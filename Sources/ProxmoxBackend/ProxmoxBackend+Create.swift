internal import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend
internal import SystemPackage

/// Making and removing a machine.
extension ProxmoxBackend {
    /// The maximum number of attempts when others take the free numbers first.
    private static let attempts = 30

    package func create(_ spec: MachineSpec) async throws -> MachineReference {
        try Self.refuseUnsupported(spec)
        let client = try client()
        let found = try await find(spec.deployment, name: spec.name, client)
        if let found { try Self.checkDisks(found) }
        let place = if let found { found.place } else { try await make(spec, client) }
        let reference = MachineReference(backend: kind, deployment: spec.deployment, identifier: "\(place.vmid)")
        do {
            let config = if let found { found.config } else { MachineConfig(data: try await client.data(.config(place))) }
            try await growSystemDisk(FoundMachine(place: place, config: config), to: spec.systemDisk.size, client)
        } catch let error as Failure where found == nil {
            throw await undo(reference, after: error)
        }
        return reference
    }

    private static func refuseUnsupported(_ spec: MachineSpec) throws {
        guard spec.network.mode == .bridge, spec.network.device != nil else { throw MachineParameters.noBridge }
        guard spec.adoptedDataDisk == nil else {
            throw Failure(
                .unsupported, "a data disk of this host cannot be adopted on Proxmox", remedy: "deploy with a new disk and restore the data")
        }
        // The server would accept this now, but refuse it at the start.
        guard spec.disk.aio != .native || spec.disk.cacheDirect else {
            throw Failure(.unsupported, "aio=native needs disks without the page cache", remedy: "decide the disks anew: deploy with a new appliance")
        }
    }

    /// A machine whose disks were removed by hand is not made again: its data may be on them.
    static func checkDisks(_ machine: FoundMachine) throws {
        try checkLock(machine)
        guard machine.config.drive(MachineParameters.systemDrive) != nil, machine.config.drive(serial: MachineSpec.dataDiskSerial) != nil else {
            throw Failure(
                .proxmoxChanged, "VM \(machine.place.vmid) on node '\(machine.place.node)' has not the disks any more that it was made with",
                remedy: "attach them again: \(MachineParameters.systemDrive) for the system, \(MachineParameters.dataDrive) with serial=pgdata for the data; "
                    + "or delete the appliance")
        }
    }

    private static func checkLock(_ machine: FoundMachine) throws {
        guard let lock = machine.config.lock else { return }
        throw Failure(
            .proxmoxLocked, "VM \(machine.place.vmid) on node '\(machine.place.node)' is locked (\(lock))",
            remedy: "wait until that work has ended; when nothing runs any more, as root there: qm unlock \(machine.place.vmid)")
    }

    private func make(_ spec: MachineSpec, _ client: PVEClient) async throws -> PVEPlace {
        let image = try Self.examine(spec.image)
        let cluster = try await ClusterView.read(client)
        if let stranger = cluster.machines.first(where: { $0.name == spec.name.rawValue }) { throw Self.isStrangers(spec.name, stranger) }
        let wanted = Wanted(
            vcpus: spec.cpu.vcpus, memory: spec.cpu.memory, space: ByteSize(bytes: spec.systemDisk.size.bytes + spec.dataDiskSize.bytes),
            bridge: spec.network.device ?? "", storage: connection.storage, imageStorage: connection.imageStorage, isoStorage: connection.isoStorage,
            needsSharedStorage: connection.ha)
        let site = try await site(wanted, cluster, at: spec.disk.place, client).site
        let release = try await release(client)
        let volume = try await upload(image, to: site, beside: wanted.space, client)
        return try await make(spec, on: site, image: volume, release, client)
    }

    /// Takes the next free number, and repeats this until a number is still free when the server uses it.
    private func make(_ spec: MachineSpec, on site: Site, image: String, _ release: PVERelease, _ client: PVEClient) async throws -> PVEPlace {
        var lost: Failure?
        for _ in 0..<Self.attempts {
            guard let vmid = try await client.data(.nextID).count.map({ Int($0) }) else {
                throw Failure(.proxmoxNotProxmox, "the server names no free number for a machine", remedy: "look at it on a node: pvesh get /cluster/nextid")
            }
            let parameters = try MachineParameters(
                spec: spec, vmid: "\(vmid)", store: site.store.name, image: image, pool: connection.pool, provisioning: site.store.provisioning,
                release: release
            ).list()
            let place = PVEPlace(node: site.node, vmid: vmid)
            do {
                try await client.run(
                    .create(node: site.node, parameters), title: "the creation of VM \(vmid)", limit: timing.copyTask, silence: timing.copySilence,
                    report: report)
                return place
            } catch let error as Failure where Self.isTaken(error) {
                lost = error
            } catch let error as Failure where error.code == .proxmoxTaskEndless {
                throw await naming(place, after: error, client)
            } catch let error as Failure where error.code == .proxmoxUnreachable {
                // The server may have begun all the same: then it continues, and its machine is ours.
                let begun = try? await withoutCancellation { try await find(spec.deployment, name: spec.name, client) }
                guard let place = begun?.place else { throw error }
                return place
            }
        }
        throw lost ?? Failure(.proxmoxRefused, "the server found no free number for the machine", remedy: "run the same command again")
    }

    /// Describes what an abandoned creation has left behind. The server gave it the number, so any machine with that number belongs to this run. The
    /// machine has a lock that only root can remove.
    private func naming(_ place: PVEPlace, after error: Failure, _ client: PVEClient) async -> Failure {
        let isLeft = try? await withoutCancellation { try await isThere(place.vmid, client) }
        guard isLeft != false else { return error }
        return Failure(
            error.code, "\(error.message); VM \(place.vmid) \(isLeft == nil ? "may be" : "is") left of it, half-made",
            remedy: "\(error.remedy ?? ""); before that, as root on node '\(place.node)': qm unlock \(place.vmid); qm destroy \(place.vmid) --purge 1",
            cause: error.cause)
    }

    /// Whether someone else took the number between the two calls, or while the task waited for its turn.
    private static func isTaken(_ error: Failure) -> Bool {
        guard [.proxmoxRefused, .proxmoxTaskFailed].contains(error.code) else { return false }
        return ServerReason.numberTaken.isGiven(in: error.message)
    }

    /// The import gives the disk only the image's own size.
    private func growSystemDisk(_ machine: FoundMachine, to size: ByteSize, _ client: PVEClient) async throws {
        let drive = MachineParameters.systemDrive
        guard let present = machine.config.size(of: drive), present < size else { return }
        try await client.run(
            .resize(machine.place, disk: drive, mebibytes: MachineParameters.wholeMebibytes(size)), title: "the growth of the system disk", limit: timing.task,
            report: report)
    }

    /// Removes what was just made.
    /// - Returns: the error, with a note of what could not be removed.
    private func undo(_ machine: MachineReference, after error: Failure) async -> Failure {
        do {
            try await withoutCancellation { try await delete(machine) }
            return error
        } catch let left {
            return Failure(
                error.code, "\(error.message); VM \(machine.identifier) is left", remedy: "as root on its node: qm destroy \(machine.identifier) --purge 1",
                cause: left)
        }
    }

    package func delete(_ machine: MachineReference) async throws {
        let client = try client()
        guard let found = try await locate(machine, client) else { return }
        // What the server would refuse in the end is refused here, while the database still runs.
        try Self.checkLock(found)
        guard !found.config.isProtected || found.config.isProtectionOurs else {
            throw Failure(
                .proxmoxLocked, "VM \(found.place.vmid) on node '\(found.place.node)' is protected against its deletion",
                remedy: "as root there: qm set \(found.place.vmid) --protection 0")
        }
        try await powerOff(found, client)
        try await protect(false, found, client)
        // The seed goes before the machine: as long as the machine exists, a delete that was killed can continue.
        try await removeSeed(of: found, machine.deployment, sparingForeignMedia: true, client)
        do {
            try await remove(found, client)
        } catch let error as Failure where ServerReason.running.isGiven(in: error.message) {
            // Someone, or the HA manager, started it meanwhile.
            try await powerOff(found, client)
            try await remove(found, client)
        }
    }

    private func remove(_ machine: FoundMachine, _ client: PVEClient) async throws {
        try await client.run(.delete(machine.place), title: "the deletion of VM \(machine.place.vmid)", limit: timing.task, report: report)
    }
}

extension Failure.Code {
    /// The machine was changed by hand so that it can no longer serve its purpose.
    package static let proxmoxChanged = Failure.Code("proxmox.changed-by-hand")
}

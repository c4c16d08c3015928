internal import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import Quoting
package import SystemPackage

/// The NoCloud medium of the first boot: an ISO of our own on the drive `scsi1`.
extension ProxmoxBackend {
    /// The name contains the deployment, so that the medium never belongs to someone else.
    static func seedName(_ deployment: DeploymentID) -> String { "pgkvm-seed-\(deployment).iso" }

    package func attachSeed(_ medium: FilePath, to machine: MachineReference) async throws {
        let client = try client()
        let found = try await existing(machine, client)
        try Self.checkDisks(found)
        let stores = try await client.data(.storages(node: found.place.node)).elements.compactMap(StoreView.init(status:))
        let wanted = Wanted(vcpus: 1, memory: .mebibytes(1), space: ByteSize(bytes: 0), bridge: "", isoStorage: connection.isoStorage)
        let store = try NodeExamination.isoStore(node: found.place.node, stores: stores, wanted).name
        let name = Self.seedName(machine.deployment)
        try await letSeedUploadsEnd(machine.deployment, client)
        // An existing medium is replaced: the seed may have been made again.
        try await client.run(
            .uploadMedium(medium, as: name, node: found.place.node, storage: store), title: "the upload of the seed", limit: timing.task, report: report)
        let drive = try PVEDrive(source: .medium(volume: "\(store):iso/\(name)")).text()
        _ = try await client.data(.configure(found.place, [MachineParameters.seedDrive: drive], privilege: "VM.Config.CDROM"))
        try await takeSeedOutOfBootOrder(found.place, client)
        try Files.remove(medium)
    }

    /// A change that puts a medium into a drive also appends the drive to the boot order, and a drive in the boot order cannot be unplugged from
    /// a running guest. The two are changed one after the other: within one request the server applies the values in random order.
    private func takeSeedOutOfBootOrder(_ place: PVEPlace, _ client: PVEClient) async throws {
        let order = MachineConfig(data: try await client.data(.config(place))).bootOrder
        let others = order.filter { $0 != MachineParameters.seedDrive }
        guard others.count < order.count, !others.isEmpty else { return }
        _ = try await client.data(.configure(place, ["boot": MachineParameters.bootOrder(others)], privilege: "VM.Config.Disk"))
    }

    package func detachSeed(from machine: MachineReference) async throws {
        let client = try client()
        let found = try await existing(machine, client)
        try await removeSeed(of: found, machine.deployment, client)
        // Last: the server does not remove drives of a protected machine.
        try await protect(true, existing(machine, client), client)
    }

    /// Removes the drive and deletes its medium.
    /// - Parameter sparesForeignMedia: whether a medium that someone else inserted stays in the drive, as for a machine that is being deleted.
    func removeSeed(
        of machine: FoundMachine, _ deployment: DeploymentID, sparingForeignMedia sparesForeignMedia: Bool = false, _ client: PVEClient
    ) async throws {
        let place = machine.place
        do {
            try await removeDrive(of: machine, deployment, sparesForeignMedia, client)
        } catch let failure as Failure where failure.code == .proxmoxChanged {
            // Another medium is in the drive: ours is no longer needed.
            try await removeMedia(place, deployment, client)
            throw failure
        } catch {
            // The drive stays as it is and can be removed later. The content of its medium must not wait for that.
            try? await withoutCancellation {
                for medium in try await media(place, deployment, client).found where !medium.isBlank { try await blank(medium, place, deployment, client) }
            }
            throw error
        }
        try await removeMedia(place, deployment, client)
    }

    // MARK: The drive

    /// - Throws: `proxmox.changed-by-hand` for a medium that is not ours.
    private func removeDrive(of machine: FoundMachine, _ deployment: DeploymentID, _ sparesForeignMedia: Bool, _ client: PVEClient) async throws {
        let place = machine.place
        let drive = MachineParameters.seedDrive
        // The drive may itself be a pending change, which would take effect at the next start.
        guard let volume = try await presentSeed(place, client) ?? Self.seedVolume(machine.config) else { return }
        guard volume == "none" || volume.ends(with: "iso/\(Self.seedName(deployment))") else {
            if sparesForeignMedia { return }
            throw Failure(
                .proxmoxChanged, "the drive \(drive) of VM \(place.vmid) on node '\(place.node)' has '\(volume)' in it, which pgkvm did not put there",
                remedy: "take it out by hand: qm set \(place.vmid) --delete \(drive)")
        }
        try await protect(false, machine, client)
        guard let reason = try await unplug(place, client) else { return }
        // The guest keeps the drive until its next stop; without a medium it does no harm. The medium goes first: inserting `none` cancels the
        // pending deletion, and appends the drive to the boot order again.
        if volume != "none" { try await change(place, [drive: "none,media=cdrom"], privilege: "VM.Config.CDROM", client) }
        try await takeSeedOutOfBootOrder(place, client)
        try await change(place, ["delete": drive], privilege: "VM.Config.CDROM", client)
        report("the guest keeps the empty drive \(drive) of VM \(place.vmid) until its next stop: \(reason)")
    }

    /// The medium that the machine currently has in the drive, whatever is pending; nil without a drive.
    private func presentSeed(_ place: PVEPlace, _ client: PVEClient) async throws -> String? {
        Self.seedVolume(MachineConfig(data: try await client.data(.currentConfig(place))))
    }

    private static func seedVolume(_ config: MachineConfig) -> String? {
        let drive = config.drive(MachineParameters.seedDrive)
        return drive?.first ?? drive?["file"]
    }

    /// How often a guest is asked to release the drive. Each time the server waits for it, for about 20 seconds in all.
    private static let unplugAttempts = 4

    /// - Returns: why the guest keeps the drive; nil once it is gone.
    private func unplug(_ place: PVEPlace, _ client: PVEClient) async throws -> String? {
        var reason = ""
        for attempt in 1...Self.unplugAttempts {
            do {
                _ = try await client.data(.configure(place, ["delete": MachineParameters.seedDrive], privilege: "VM.Config.CDROM"))
                // Without hotplug the server does not report that the change is only pending.
                if try await presentSeed(place, client) == nil { return nil }
                return "the change is pending"
            } catch let failure as Failure where failure.code == .proxmoxPending {
                reason = failure.message
                // A second request finds what the first one has begun. Retrying helps only when the guest is slow.
                guard ServerReason.stillBusy.isGiven(in: reason), attempt < Self.unplugAttempts else { return reason }
            }
            try await WaitingTime.measure { try await ContinuousClock().sleep(for: timing.longestPause) }
        }
        return reason
    }

    /// A change that may have to wait until the machine's next stop.
    private func change(_ place: PVEPlace, _ parameters: KeyValuePairs<String, String>, privilege: String, _ client: PVEClient) async throws {
        do {
            _ = try await client.data(.configure(place, parameters, privilege: privilege))
        } catch let failure as Failure where failure.code == .proxmoxPending {
            // The change is stored, and takes effect then.
        }
    }

    // MARK: The medium

    private struct Medium {
        let volume: String
        let store: String
        let isBlank: Bool
    }

    /// The size of an empty medium, in bytes: smaller than any seed.
    private static let blankSize: Int64 = 2048

    /// Where the deployment's medium is, and the stores that do not answer.
    private func media(_ place: PVEPlace, _ deployment: DeploymentID, _ client: PVEClient) async throws -> (found: [Medium], silent: [Medium]) {
        var found: [Medium] = []
        var silent: [Medium] = []
        for store in try await client.data(.storages(node: place.node)).elements.compactMap(StoreView.init(status:)) where store.content.contains("iso") {
            let volume = "\(store.name):iso/\(Self.seedName(deployment))"
            guard store.isActive else {
                silent.append(Medium(volume: volume, store: store.name, isBlank: false))
                continue
            }
            let content = try await client.data(.content(node: place.node, storage: store.name, type: "iso"))
            guard let row = content.elements.first(where: { $0["volid"]?.text == volume }) else { continue }
            found.append(Medium(volume: volume, store: store.name, isBlank: row["size"]?.count == Self.blankSize))
        }
        return (found, silent)
    }

    /// A run that was killed may have left an upload, which would bring its medium back, or replace a newer one.
    private func letSeedUploadsEnd(_ deployment: DeploymentID, _ client: PVEClient) async throws {
        try await letUploadsEnd(client, title: "another upload of the seed") { $0 == Self.seedName(deployment) }
    }

    private func removeMedia(_ place: PVEPlace, _ deployment: DeploymentID, _ client: PVEClient) async throws {
        try await letSeedUploadsEnd(deployment, client)
        let media = try await media(place, deployment, client)
        for medium in media.silent {
            report(
                "the store '\(medium.store)' of node '\(place.node)' is not active: the seed, which has secrets in it, may still be there; "
                    + "when it is active again: pvesm free \(medium.volume)")
        }
        for medium in media.found { try await remove(medium, place, deployment, client) }
    }

    /// Deleting an uploaded file needs a separate right. A token without it can still overwrite the file, and so remove its secrets.
    private func remove(_ medium: Medium, _ place: PVEPlace, _ deployment: DeploymentID, _ client: PVEClient) async throws {
        do {
            try await client.run(.deleteVolume(medium.volume, node: place.node), title: "the deletion of the seed", limit: timing.task, report: report)
        } catch let error as Failure where error.code == .proxmoxPermission {
            guard !medium.isBlank else { return }
            try await blank(medium, place, deployment, client)
            report("the medium '\(medium.volume)' was blanked and not deleted: \(error.message); \(error.remedy ?? "")")
        }
    }

    private func blank(_ medium: Medium, _ place: PVEPlace, _ deployment: DeploymentID, _ client: PVEClient) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-seed")
        defer { try? Files.remove(directory) }
        let blank = directory.appending("blank")
        try Files.write([UInt8](repeating: 0, count: Int(Self.blankSize)), to: blank)
        try await client.run(
            .uploadMedium(blank, as: Self.seedName(deployment), node: place.node, storage: medium.store), title: "the blanking of the seed",
            limit: timing.task, report: report)
    }
}

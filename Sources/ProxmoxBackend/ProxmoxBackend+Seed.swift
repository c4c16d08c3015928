internal import ApplianceModel
internal import HostSystem
package import MachineBackend
internal import Quoting
package import SystemPackage

/// The NoCloud medium of the first boot: an ISO of our own on the drive `scsi1`.
extension ProxmoxBackend {
    /// The deployment is in it, so that it is never somebody else's.
    static func seedName(_ deployment: DeploymentID) -> String { "pgkvm-seed-\(deployment).iso" }

    package func attachSeed(_ medium: FilePath, to machine: MachineReference) async throws {
        let client = try client()
        let found = try await existing(machine, client)
        try Self.checkDisks(found)
        let stores = try await client.data(.storages(node: found.place.node)).elements.compactMap(StoreView.init(status:))
        let wanted = Wanted(vcpus: 1, memory: .mebibytes(1), space: ByteSize(bytes: 0), bridge: "", isoStorage: connection.isoStorage)
        let store = try NodeExamination.isoStore(node: found.place.node, stores: stores, wanted).name
        let name = Self.seedName(machine.deployment)
        // One that is there already is replaced: the seed may have been made anew.
        try await client.run(
            .uploadMedium(medium, as: name, node: found.place.node, storage: store), title: "the upload of the seed", limit: timing.task, report: report)
        let drive = try PVEDrive(source: .medium(volume: "\(store):iso/\(name)")).text()
        _ = try await client.data(.configure(found.place, [MachineParameters.seedDrive: drive], privilege: "VM.Config.CDROM"))
        try Files.remove(medium)
    }

    package func detachSeed(from machine: MachineReference) async throws {
        let client = try client()
        let found = try await existing(machine, client)
        try await removeSeed(of: found, machine.deployment, client)
    }

    /// Takes the drive away and deletes its medium.
    /// - Parameter sparesForeignMedia: whether a medium that somebody else put in stays in the drive, as for a machine that is deleted.
    func removeSeed(
        of machine: FoundMachine, _ deployment: DeploymentID, sparingForeignMedia sparesForeignMedia: Bool = false, _ client: PVEClient
    ) async throws {
        let place = machine.place
        let drive = MachineParameters.seedDrive
        let value = machine.config.drive(drive)?.first ?? machine.config.drive(drive)?["file"]
        let isOurs = value.map { $0 == "none" || $0.ends(with: "iso/\(Self.seedName(deployment))") } ?? false
        if let value, isOurs || !sparesForeignMedia {
            guard isOurs else {
                throw Failure(
                    .proxmoxChanged, "the drive \(drive) of VM \(place.vmid) on node '\(place.node)' has '\(value)' in it, which pgkvm did not put there",
                    remedy: "take it out by hand: qm set \(place.vmid) --delete \(drive)")
            }
            // A guest that holds the drive keeps it until its next stop; without a medium that does no harm.
            if value != "none" {
                _ = try await client.data(.configure(place, [drive: "none,media=cdrom"], privilege: "VM.Config.CDROM"))
            }
            _ = try await client.data(.configure(place, ["delete": drive], privilege: "VM.Config.CDROM"))
        }
        for store in try await client.data(.storages(node: place.node)).elements.compactMap(StoreView.init(status:)) where store.content.contains("iso") {
            let volume = "\(store.name):iso/\(Self.seedName(deployment))"
            guard store.isActive else {
                report(
                    "the store '\(store.name)' of node '\(place.node)' is not active: the seed, which has secrets in it, may still be there; "
                        + "when it is active again: pvesm free \(volume)")
                continue
            }
            let content = try await client.data(.content(node: place.node, storage: store.name, type: "iso"))
            guard let row = content.elements.first(where: { $0["volid"]?.text == volume }), row["size"]?.count != Self.blankSize else { continue }
            try await removeMedium(volume, store: store.name, place, deployment, client)
        }
    }

    /// Of a medium without anything on it, in bytes: smaller than any seed.
    private static let blankSize: Int64 = 2048

    /// Deleting an uploaded file is a right of its own. Who has not got it can still overwrite the file, and so take its secrets away.
    private func removeMedium(_ volume: String, store: String, _ place: PVEPlace, _ deployment: DeploymentID, _ client: PVEClient) async throws {
        do {
            try await client.run(.deleteVolume(volume, node: place.node), title: "the deletion of the seed", limit: timing.task, report: report)
        } catch let error as Failure where error.code == .proxmoxPermission {
            let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-seed")
            defer { try? Files.remove(directory) }
            let blank = directory.appending("blank")
            try Files.write([UInt8](repeating: 0, count: Int(Self.blankSize)), to: blank)
            try await client.run(
                .uploadMedium(blank, as: Self.seedName(deployment), node: place.node, storage: store), title: "the blanking of the seed", limit: timing.task,
                report: report)
            report("the medium '\(volume)' was blanked and not deleted: \(error.message); \(error.remedy ?? "")")
        }
    }
}

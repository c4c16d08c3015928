package import ApplianceModel
internal import Basics
package import MachineBackend

/// The space of the data disk. On a file store Proxmox makes a file with holes, and a volume of a thin store is only a promise: only some
/// stores reserve a new disk completely.
extension ProxmoxBackend: SpaceReserving {
    private struct DataSpace {
        let place: PVEPlace
        let store: StoreView
        let size: ByteSize
        /// The space that the disk really takes according to the store; nil where the store does not report it.
        let used: ByteSize?
        let keepsZeros: Bool
        /// The space that all volumes of the store that the token sees may still take.
        let promised: ByteSize
    }

    package func isReservedByWriting(_ machine: MachineReference) async throws -> Bool {
        let client = try client()
        guard let space = try await space(of: existing(machine, client), client), space.store.provisioning == .file, space.keepsZeros else { return false }
        // A store with 'preallocation' has already reserved the space.
        return space.used.map { $0 < space.size } ?? true
    }

    package func examinePromise(to machine: MachineReference) async throws -> [Finding] {
        let client = try client()
        guard let space = try await space(of: existing(machine, client), client) else { return [] }
        let store = "'\(space.store.name)' (\(space.store.kind))"
        if space.store.provisioning == .whole {
            return [
                Finding(
                    check: "host.store", level: .pass, measured: "\(store) reserves a disk when it makes it",
                    expected: "room for what the data disk was promised")
            ]
        }
        var findings: [Finding] = []
        if space.store.provisioning == .file, let used = space.used {
            let isWhole = used >= space.size
            findings.append(
                Finding(
                    check: "disk.allocation", level: isWhole ? .pass : .warn,
                    measured: "\(used.mebibytes) of \(space.size.mebibytes) MiB allocated on \(store)", expected: "all of \(space.size.mebibytes) MiB",
                    remedy: isWhole
                        ? nil
                        : "the rest is taken as the database grows, and only while the store has it"
                            + (space.keepsZeros ? "" : "; zeros become holes: as root on the node: \(Self.keepingZeros(space.place))")))
        }
        let isRoom = space.store.available >= space.promised
        findings.append(
            Finding(
                check: "host.store", level: isRoom ? .pass : .warn,
                measured: "\(store) has \(space.store.available.mebibytes) MiB free, and its disks may take \(space.promised.mebibytes) MiB more",
                expected: "room for what the data disk was promised",
                remedy: isRoom ? nil : "a store that fills up stops the guest in the middle of a write: free space there, add some, or move the disk"))
        return findings
    }

    private static func keepingZeros(_ place: PVEPlace) -> String {
        "qm config \(place.vmid) | sed -n 's/^\(MachineParameters.dataDrive): //p', then qm set \(place.vmid) --\(MachineParameters.dataDrive) with "
            + "discard=ignore,detect_zeroes=0 in it, and pgkvm restart NAME"
    }

    /// Nil where the token does not see the store.
    private func space(of machine: FoundMachine, _ client: PVEClient) async throws -> DataSpace? {
        guard let key = machine.config.drive(serial: MachineSpec.dataDiskSerial), let drive = machine.config.drive(key),
            let size = machine.config.size(of: key), let volume = drive.first ?? drive["file"]
        else { return nil }
        let name = String(volume.prefix { $0 != ":" })
        let stores = try await client.data(.storages(node: machine.place.node)).elements.compactMap(StoreView.init(status:))
        guard let store = stores.first(where: { $0.name == name }), store.isActive else { return nil }
        let rows = try await client.data(.content(node: machine.place.node, storage: name, type: "images")).elements
        let own = rows.first { $0["volid"]?.text == volume }
        // If a volume's use is not reported, its whole size counts.
        let promised = rows.map { row in max(0, (row["size"]?.count ?? 0).subtractingSaturated(row["used"]?.count ?? 0)) }.sumSaturated()
        return DataSpace(
            place: machine.place, store: store, size: size, used: own?["used"]?.count.map { ByteSize(bytes: $0) },
            keepsZeros: drive["discard"] != "on" || drive["detect_zeroes"].map { ["0", "off", "no", "false"].contains($0) } == true,
            promised: ByteSize(bytes: promised))
    }
}

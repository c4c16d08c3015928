internal import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend

/// Changing the size of a machine that exists.
extension ProxmoxBackend: MachineResizing {
    package func processor(of machine: MachineReference) async throws -> CPUDecision {
        let found = try await existing(machine, try client())
        guard let processor = found.config.processor else {
            throw Failure(.proxmoxChanged, "VM \(found.place.vmid) does not tell its memory", remedy: "set it: qm set \(found.place.vmid) --memory MIB")
        }
        return processor
    }

    package func checkProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws {
        let client = try client()
        let found = try await existing(machine, client)
        guard found.config.processor != cpu, let node = try await ClusterView.read(client).nodes.first(where: { $0.name == found.place.node }) else { return }
        try NodeExamination.check(node, vcpus: cpu.vcpus, memory: cpu.memory)
    }

    package func setProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws {
        let client = try client()
        let found = try await existing(machine, client)
        let card = try Self.card(of: found, for: cpu)
        guard found.config.processor != cpu || card != nil else { return }
        guard try await !status(found, client).isOn else {
            throw Failure(
                .machineStillRunning, "VM \(found.place.vmid) has to be off to get another processor or memory", remedy: "pgkvm stop NAME")
        }
        var call = PVECall.configure(found.place, [:], privilege: "VM.Config.CPU")
        call.parameters = MachineParameters.processor(cpu)
        if let card { call.parameters.append(PVECall.Parameter(name: "net0", value: card)) }
        call.command = CommandText.render(["qm", "set", "\(found.place.vmid)"] + call.parameters.flatMap { ["--\($0.name)", $0.value] })
        _ = try await client.data(call)
    }

    /// The card with one queue for each processor; nil where it already has that many. Its other settings stay.
    private static func card(of machine: FoundMachine, for cpu: CPUDecision) throws -> String? {
        let queues = min(cpu.vcpus, PVECard.mostQueues)
        guard var card = machine.config.drive("net0"), machine.config.queues != queues else { return nil }
        try card.set("queues", queues > 1 ? "\(queues)" : nil)
        return card.text
    }

    package func dataDisk(of machine: MachineReference) async throws -> ByteSize { try dataDisk(of: try await existing(machine, try client())).size }

    private func dataDisk(of machine: FoundMachine) throws -> (drive: String, size: ByteSize) {
        guard let drive = machine.config.drive(serial: MachineSpec.dataDiskSerial), let size = machine.config.size(of: drive) else {
            throw Failure(
                .proxmoxChanged, "VM \(machine.place.vmid) on node '\(machine.place.node)' has no data disk (serial=pgdata) any more",
                remedy: "attach it again by hand, or delete the appliance")
        }
        return (drive, size)
    }

    package func growDataDisk(to size: ByteSize, of machine: MachineReference) async throws {
        let client = try client()
        let found = try await existing(machine, client)
        let disk = try dataDisk(of: found)
        guard disk.size < size else { return }
        let space = try await space(for: found, disk.drive, client)
        if let free = space.free, free <= size - disk.size {
            throw Failure(
                .diskFull,
                "the store '\(space.store)' has \(free.mebibytes) MiB free, and the data disk is to grow by \((size - disk.size).mebibytes) MiB",
                remedy: "free space there, or ask for a smaller disk")
        }
        try await client.run(
            .resize(found.place, disk: disk.drive, mebibytes: MachineParameters.wholeMebibytes(size)), title: "the growth of the data disk", limit: timing.task,
            report: report)
    }

    package func spaceLeft(for machine: MachineReference) async throws -> ByteSize {
        let client = try client()
        let found = try await existing(machine, client)
        let space = try await space(for: found, dataDisk(of: found).drive, client)
        guard let free = space.free else {
            throw Failure(
                .proxmoxNoStorage, "the node '\(found.place.node)' shows this token no store '\(space.store)', on which the data disk is",
                remedy: "as root on a node: \(PVEPermission("/storage/\(space.store)", "Datastore.Audit").grant(to: client.token))")
        }
        return free
    }

    /// The store of a drive, and its free space; nil where the token does not see the store.
    private func space(for machine: FoundMachine, _ drive: String, _ client: PVEClient) async throws -> (store: String, free: ByteSize?) {
        let store = machine.config.drive(drive)?.first.map { String($0.prefix { $0 != ":" }) } ?? ""
        let stores = try await client.data(.storages(node: machine.place.node)).elements.compactMap(StoreView.init(status:))
        return (store, stores.first { $0.name == store }?.available)
    }
}

extension ProxmoxBackend: DiscardTelling {
    /// Most Proxmox stores are thin, and the disk is set up to return discarded blocks.
    package func discardUse(of machine: MachineReference) async throws -> DiscardUse {
        let found = try await existing(machine, try client())
        return try found.config.drive(dataDisk(of: found).drive)?["discard"] == "on" ? .givenBack : .ignored
    }
}

internal import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend
internal import SystemPackage

/// Changing the size of a machine that exists.
extension QEMUBackend: MachineResizing {
    package func processor(of machine: MachineReference) async throws -> CPUDecision { try load(machine).spec.cpu }

    package func setProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws {
        var record = try load(machine)
        guard record.spec.cpu != cpu else { return }
        guard case .off = try await powerState(of: machine) else {
            throw Failure(
                .machineStillRunning, "the machine of '\(machine.identifier)' has to be off to get another processor or memory",
                remedy: "pgkvm stop \(machine.identifier)")
        }
        record.spec = record.spec.resized(cpu: cpu, dataDisk: record.spec.dataDiskSize)
        try record.save(to: directory(of: machine))
    }

    package func dataDisk(of machine: MachineReference) async throws -> ByteSize { try load(machine).spec.dataDiskSize }

    package func spaceLeft(for machine: MachineReference) async throws -> ByteSize { try Files.freeSpace(at: directory(of: machine).path) }

    package func growDataDisk(to size: ByteSize, of machine: MachineReference) async throws {
        let directory = try directory(of: machine)
        // No start may happen in between: it would open the disk with one size while the record has another.
        try await exclusively(directory) {
            var record = try load(machine)
            guard record.spec.dataDiskSize <= size else { return }
            let disk = directory.file(MachineDirectory.Name.dataDisk)
            guard let status = Files.status(disk, followLinks: false), status.isRegularFile, status.size <= size else {
                throw Failure(.machineFailed, "'\(disk)' is not the data disk that '\(machine.identifier)' was made with", remedy: "restore it")
            }
            try FileSystems.allocate(disk, size: size)
            try await QMPClient.connect(monitorSocket(directory), timeout: .seconds(60))?
                .execute("block_resize", ["node-name": .string(QEMUCommandLine.dataNode), "size": .integer(size.bytes)])
            record.spec = record.spec.resized(cpu: record.spec.cpu, dataDisk: size)
            try record.save(to: directory)
        }
    }
}

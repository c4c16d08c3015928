internal import ApplianceModel
internal import FoundationEssentials
internal import HostSystem
package import MachineBackend
package import SystemPackage

/// Making and removing a machine's files.
extension QEMUBackend {
    /// Every part is looked at before it is made, so that a second call finishes what a killed one left.
    package func create(_ spec: MachineSpec) async throws -> MachineReference {
        let directory = state.appliance(spec.name).machine()
        let reference = MachineReference(backend: kind, deployment: spec.deployment, identifier: spec.name.rawValue)
        let user = try await QEMUUser.prepare()
        var machine = QEMUMachine(spec: spec)
        if let found = try QEMUMachine.load(from: directory) {
            guard found.spec.deployment == spec.deployment else { throw stranger(spec.name.rawValue) }
            if found.isComplete { return reference }
            machine = found
        } else {
            try Files.createDirectory(directory.path)
            try user.own(directory.path)
            try machine.save(to: directory, owner: user)
        }
        try await createSystemDisk(machine.spec, in: directory, owner: user)
        try createDataDisk(machine.spec, in: directory, owner: user)
        try await createFirmwareVariables(machine.spec, in: directory, owner: user)
        machine.isComplete = true
        try machine.save(to: directory, owner: user)
        return reference
    }

    /// A self-contained copy of the base image, as qcow2 of the wanted size; an overlay only where it was asked for.
    private func createSystemDisk(_ spec: MachineSpec, in directory: MachineDirectory, owner: QEMUUser) async throws {
        let disk = directory.file(MachineDirectory.Name.systemDisk)
        if Files.exists(disk) { return }
        let partial = directory.file("system.partial")
        try Files.remove(partial)
        switch spec.systemDisk.layout {
        case .copy:
            if spec.image.format == .qcow2 {
                // A reflink where the file system has them: instant, and shares what is not written.
                _ = try await ProgramRunner.check("cp", ["--reflink=auto", "--sparse=auto", "--", spec.image.path, partial.string])
            } else {
                _ = try await ProgramRunner.check("qemu-img", ["convert", "-O", "qcow2", "-f", "raw", "--", spec.image.path, partial.string])
            }
        case .overlay:
            let base = try await overlayBase(of: spec.image, in: directory)
            _ = try await ProgramRunner.check(
                "qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", spec.image.format.rawValue, "--", partial.string],
                workingDirectory: directory.path)
        }
        let size = try await virtualSize(of: partial)
        if size < spec.systemDisk.size {
            _ = try await ProgramRunner.check("qemu-img", ["resize", "-q", "-f", "qcow2", "--", partial.string, "\(spec.systemDisk.size.bytes)"])
        }
        _ = try await ProgramRunner.check("chmod", ["0600", partial.string])
        try owner.own(partial)
        try Files.rename(partial, to: disk)
    }

    /// Keeps the base inside the state directory, and a hard link to it in the machine's own: nothing that a cache
    /// loses or a user deletes can take it away.
    private func overlayBase(of image: BaseImage, in directory: MachineDirectory) async throws -> String {
        let shared = state.overlayBases.appending("\(image.key).\(image.format.rawValue)")
        if !Files.exists(shared) {
            try Files.createDirectory(state.overlayBases)
            let partial = state.overlayBases.appending(".\(image.key).\(UInt32.random(in: 0 ... .max))")
            _ = try await ProgramRunner.check("cp", ["--reflink=auto", "--sparse=auto", "--", image.path, partial.string])
            _ = try await ProgramRunner.check("chmod", ["0444", partial.string])
            try Files.rename(partial, to: shared)
        }
        let link = directory.file(MachineDirectory.Name.overlayBase)
        if !Files.exists(link) { _ = try await ProgramRunner.check("ln", ["--", shared.string, link.string]) }
        return MachineDirectory.Name.overlayBase
    }

    private func virtualSize(of disk: FilePath) async throws -> ByteSize {
        let result = try await ProgramRunner.check("qemu-img", ["info", "--output=json", "--", disk.string])
        struct Info: Codable {
            let virtualSize: Int64
            enum CodingKeys: String, CodingKey { case virtualSize = "virtual-size" }
        }
        return ByteSize(bytes: try JSONDecoder().decode(Info.self, from: Data(result.standardOutput)).virtualSize)
    }

    /// A raw disk with all its space reserved, or the one that is taken over.
    private func createDataDisk(_ spec: MachineSpec, in directory: MachineDirectory, owner: QEMUUser) throws {
        let disk = directory.file(MachineDirectory.Name.dataDisk)
        if let adopted = spec.adoptedDataDisk {
            if !Files.exists(disk) { try Files.rename(FilePath(adopted), to: disk) }
        } else {
            try FileSystems.allocate(disk, size: spec.dataDiskSize)
        }
        try owner.own(disk)
    }

    private func createFirmwareVariables(_ spec: MachineSpec, in directory: MachineDirectory, owner: QEMUUser) async throws {
        guard spec.image.firmware == .uefi else { return }
        guard let template = try await QEMUAbilities.probe().firmwareVariables else {
            throw Failure(.machineFailed, "UEFI firmware for guests is not installed", remedy: "apt-get install ovmf")
        }
        let variables = directory.file(MachineDirectory.Name.firmwareVariables)
        if !Files.exists(variables) { try Files.write(Files.read(FilePath(template)), to: variables) }
        try owner.own(variables)
    }

    package func attachSeed(_ medium: FilePath, to machine: MachineReference) async throws {
        let directory = try directory(of: machine)
        let user = try await QEMUUser.prepare()
        try Files.rename(medium, to: directory.file(MachineDirectory.Name.seed))
        try user.own(directory.file(MachineDirectory.Name.seed))
        var record = try load(machine)
        record.hasSeed = true
        try record.save(to: directory, owner: user)
    }

    package func detachSeed(from machine: MachineReference) async throws {
        let directory = try directory(of: machine)
        var record = try load(machine)
        guard record.hasSeed else { return }
        if let monitor = try await QMPClient.connect(directory.file(MachineDirectory.Name.monitorSocket)) {
            try await unplugSeed(monitor)
        }
        record.hasSeed = false
        try record.save(to: directory, owner: QEMUUser.current())
        try Files.remove(directory.file(MachineDirectory.Name.seed))
    }

    /// The guest has to let go of the device: QEMU says so by an event that carries the device's id.
    private func unplugSeed(_ monitor: QMPClient) async throws {
        let nodes = try await monitor.execute("query-named-block-nodes").array ?? []
        guard nodes.contains(where: { $0["node-name"]?.string == "seed" }) else { return }
        let devices = try await monitor.execute("qom-list", ["path": .string("/machine/peripheral")]).array ?? []
        if devices.contains(where: { $0["name"]?.string == "seed-disk" }) {
            try await monitor.execute("device_del", ["id": .string("seed-disk")])
            try await monitor.waitForEvent("DEVICE_DELETED") { $0["device"]?.string == "seed-disk" }
        }
        try await monitor.execute("blockdev-del", ["node-name": .string("seed")])
        try await monitor.execute("blockdev-del", ["node-name": .string("seed-file")])
    }

    package func delete(_ machine: MachineReference) async throws {
        let directory = try directory(of: machine)
        if let found = try QEMUMachine.load(from: directory), found.spec.deployment != machine.deployment {
            throw stranger(machine.identifier)
        }
        try await powerOff(machine)
        try Files.remove(directory.path)
    }
}

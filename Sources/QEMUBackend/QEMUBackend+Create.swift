internal import ApplianceModel
package import Basics
internal import FoundationEssentials
internal import Glibc
internal import HostSystem
package import MachineBackend
internal import Quoting
internal import SystemPackage

/// Making and removing a machine's files.
extension QEMUBackend {
    /// Every part is checked before it is made, so that a second call finishes what a killed call left.
    package func create(_ spec: MachineSpec) async throws -> MachineReference {
        let directory = state.appliance(spec.name).machine()
        let reference = MachineReference(backend: kind, deployment: spec.deployment, identifier: spec.name.rawValue)
        var machine = QEMUMachine(spec: spec)
        if let found = try QEMUMachine.load(from: directory) {
            guard found.spec.deployment == spec.deployment else { throw stranger(spec.name.rawValue) }
            if found.isComplete { return reference }
            machine = found
        }
        let user = try await chooseUser(of: &machine)
        if try QEMUMachine.load(from: directory) == nil {
            try refuseUnknownDisks(directory)
            try machine.save(to: directory)
        }
        // While this code works in the directory, QEMU owns it only when QEMU runs as this user.
        try Files.createDirectory(directory.path)
        if user.ids != nil { try DirectoryHandle.open(directory.path)?.give(user: geteuid(), group: getegid()) }
        // The data disk comes first: it takes the most space, so a full host is noticed at once.
        try createDataDisk(machine.spec, in: directory, owner: user)
        try await createSystemDisk(machine.spec, in: directory, owner: user)
        try await createFirmwareVariables(machine.spec, in: directory, owner: user)
        try user.own(directory.path)
        machine.isComplete = true
        try machine.save(to: directory)
        return reference
    }

    /// The owner of disks without a `machine.json` is unknown: they are neither used nor overwritten.
    private func refuseUnknownDisks(_ directory: MachineDirectory) throws {
        for name in [MachineDirectory.Name.systemDisk, MachineDirectory.Name.dataDisk]
        where Files.status(directory.file(name), followLinks: false) != nil {
            throw Failure(
                .machineStranger, "'\(directory.file(name))' is a disk of a machine that is not known",
                remedy: "move it away if it holds data that is needed, else delete it")
        }
    }

    /// A self-contained copy of the base image, as qcow2 of the requested size; an overlay only where the spec asks for one.
    private func createSystemDisk(_ spec: MachineSpec, in directory: MachineDirectory, owner: QEMUUser) async throws {
        let disk = directory.file(MachineDirectory.Name.systemDisk)
        if Files.exists(disk) { return }
        let partial = directory.file("system.partial")
        try Files.remove(partial)
        do {
            try await makeSystemDisk(spec, at: partial, in: directory)
            _ = try await ProgramRunner.check("chmod", ["0600", partial.string])
            try FileSystems.synchronize(partial)
            try owner.own(partial)
        } catch {
            let free = try Files.freeSpace(at: directory.path)
            try Files.remove(partial)
            guard free < .mebibytes(16) else { throw error }
            throw Failure(
                .diskFull, "the file system of '\(directory.path)' is full", remedy: "free space, then run the same command again", cause: error)
        }
        try Files.rename(partial, to: disk)
    }

    private func makeSystemDisk(_ spec: MachineSpec, at partial: FilePath, in directory: MachineDirectory) async throws {
        switch spec.systemDisk.layout {
        case .copy:
            if spec.image.format == .qcow2 {
                guard try await information(of: FilePath(spec.image.path)).backingFilename == nil else {
                    throw Failure(
                        .machineFailed, "the image '\(spec.image.path)' is an overlay: a copy of it would not stand alone",
                        remedy: "qemu-img convert -O qcow2 it into an image of its own, and import that")
                }
                // A reflink where the file system supports it: instant, and it shares all blocks that are not written.
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
        if try await information(of: partial).virtualSize < spec.systemDisk.size.bytes {
            _ = try await ProgramRunner.check("qemu-img", ["resize", "-q", "-f", "qcow2", "--", partial.string, "\(spec.systemDisk.size.bytes)"])
        }
    }

    /// Keeps the base inside the state directory, and a hard link to it in the machine's own directory. So the machine does not lose it when a
    /// cache drops it or a user deletes it.
    private func overlayBase(of image: BaseImage, in directory: MachineDirectory) async throws -> String {
        let shared = state.overlayBases.appending("\(image.key).\(image.format.rawValue)")
        if !Files.exists(shared) {
            try Files.createDirectory(state.overlayBases)
            let partial = state.overlayBases.appending(".\(image.key).\(UInt32.random(in: 0 ... .max))")
            do {
                _ = try await ProgramRunner.check("cp", ["--reflink=auto", "--sparse=auto", "--", image.path, partial.string])
                _ = try await ProgramRunner.check("chmod", ["0444", partial.string])
                try FileSystems.synchronize(partial)
                try Files.rename(partial, to: shared)
            } catch {
                try Files.remove(partial)
                throw error
            }
        }
        let link = directory.file(MachineDirectory.Name.overlayBase)
        if !Files.exists(link) { _ = try await ProgramRunner.check("ln", ["--", shared.string, link.string]) }
        return MachineDirectory.Name.overlayBase
    }

    private struct Information: Codable {
        let virtualSize: Int64
        let backingFilename: String?
        enum CodingKeys: String, CodingKey { case virtualSize = "virtual-size", backingFilename = "backing-filename" }
    }

    private func information(of disk: FilePath) async throws -> Information {
        let result = try await ProgramRunner.check("qemu-img", ["info", "-f", "qcow2", "--output=json", "--", disk.string])
        return try JSONDecoder().decode(Information.self, from: Data(result.standardOutput))
    }

    /// A raw disk with all its space reserved, or the disk that is taken over.
    private func createDataDisk(_ spec: MachineSpec, in directory: MachineDirectory, owner: QEMUUser) throws {
        let disk = directory.file(MachineDirectory.Name.dataDisk)
        if let adopted = spec.adoptedDataDisk, !Files.exists(disk) { try adopt(FilePath(adopted), as: disk, spec) }
        try FileSystems.allocate(disk, size: spec.dataDiskSize)
        try owner.own(disk)
    }

    /// Moves the disk, so that there is never a second disk with the same data.
    private func adopt(_ adopted: FilePath, as disk: FilePath, _ spec: MachineSpec) throws {
        guard let status = Files.status(adopted, followLinks: false), status.isRegularFile else {
            throw Failure(.diskCannotAdopt, "there is no disk '\(adopted)' to adopt", remedy: "name the directory that 'delete --keep-data' printed")
        }
        guard status.size == spec.dataDiskSize else {
            throw Failure(.diskCannotAdopt, "the disk '\(adopted)' has \(status.size), not \(spec.dataDiskSize)", remedy: "ask for its own size")
        }
        guard status.device == Files.status(disk.removingLastComponent())?.device else {
            throw Failure(
                .diskCannotAdopt, "the disk '\(adopted)' is on another file system than '\(state.path)'",
                remedy: "move its directory into \(ShellWord.quoted(state.path.string)) and name it there")
        }
        try Files.rename(adopted, to: disk)
    }

    private func createFirmwareVariables(_ spec: MachineSpec, in directory: MachineDirectory, owner: QEMUUser) async throws {
        guard spec.image.firmware == .uefi else { return }
        guard let template = try await QEMUAbilities.probe().firmwareVariables else { throw Self.firmwareMissing }
        let variables = directory.file(MachineDirectory.Name.firmwareVariables)
        if !Files.exists(variables) { try Files.write(Files.read(FilePath(template)), to: variables) }
        try owner.own(variables)
    }

    package func delete(_ machine: MachineReference) async throws {
        let directory = try directory(of: machine)
        if let found = try QEMUMachine.load(from: directory), found.spec.deployment != machine.deployment {
            throw stranger(machine.identifier)
        }
        try await powerOff(machine)
        try await removeBootUnit(bootUnit(of: machine))
        await removeControlGroup(of: machine)
        // The record goes last: until then the machine is found, and a delete that was killed can continue.
        let record = MachineDirectory.Record.machine
        for name in try DirectoryHandle.open(directory.path)?.names() ?? [] where name != record { try Files.remove(directory.file(name)) }
        try Files.remove(directory.path)
        for name in try Files.list(directory.records) where name != record { try Files.remove(directory.record(name)) }
        try Files.remove(directory.records)
    }
}

extension Failure.Code {
    package static let diskCannotAdopt = Failure.Code("disk.cannot-adopt")
}

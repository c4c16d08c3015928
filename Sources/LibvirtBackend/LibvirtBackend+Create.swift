internal import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import Quoting
package import SystemPackage

/// Making and removing a domain and its volumes.
extension LibvirtBackend {
    /// The volumes come first, the domain last: while there is no domain, nothing has ever run from the volumes, and a call after a killed one
    /// makes them again.
    package func create(_ spec: MachineSpec) async throws -> MachineReference {
        let directory = state.appliance(spec.name).machine()
        let reference = MachineReference(backend: kind, deployment: spec.deployment, identifier: spec.name.rawValue)
        if let holder = try await uuid(of: spec.name), holder != spec.deployment.uuid { throw virsh.stranger(spec.name) }
        var isDefined = try await isDefined(spec.deployment)
        var machine = LibvirtMachine(spec: spec)
        if let found = try LibvirtMachine.load(from: directory), found.spec.deployment == spec.deployment {
            if found.isComplete {
                guard isDefined else { throw try await domainGone(found) }
                return reference
            }
            machine.spec = found.spec
            // The domain was defined although its caller got no answer, so the volumes were removed again.
            if isDefined, try await !volumes.missing(of: VolumeNames(found.spec).disks).isEmpty {
                try await undefine(spec.deployment)
                isDefined = false
            }
        } else if !isDefined {
            try await refuseUnknownVolumes(spec)
        }
        try machine.save(to: directory)
        if !isDefined { try await make(machine, directory) }
        machine.isComplete = true
        try machine.save(to: directory)
        return reference
    }

    /// A creation records the machine before it makes a volume: volumes without a record and without a domain may hold a database.
    private func refuseUnknownVolumes(_ spec: MachineSpec) async throws {
        let disks = VolumeNames(spec).disks
        let missing = try await volumes.missing(of: disks)
        guard let found = disks.first(where: { !missing.contains($0) }) else { return }
        throw Failure(
            .machineStranger, "the pool '\(choice.pool)' has '\(found)', a disk of a machine of which neither a record nor a domain is left",
            remedy: "when it holds data that is needed, copy it: \(virsh.lines("vol-download --pool \(choice.pool) \(found) FILE")); then: "
                + "\(virsh.lines("vol-delete --pool \(choice.pool) \(found)"))")
    }

    /// A failed creation leaves nothing behind, not even its record: another spec may be tried.
    private func make(_ machine: LibvirtMachine, _ directory: MachineDirectory) async throws {
        do {
            try await volumes.createDataDisk(machine.spec)
            try await volumes.createSystemDisk(machine.spec)
            try await virsh.run(["define", "--validate", "/dev/stdin"], input: text(machine, in: volumes.directory()).domain())
        } catch {
            try? await withoutCancellation {
                // The domain may have been defined although the answer was lost.
                try await undefine(machine.spec.deployment)
                for name in VolumeNames(machine.spec).all { try await volumes.delete(name) }
                try Files.remove(directory.path)
                try Files.remove(directory.records)
            }
            throw error
        }
    }

    /// The UUID of the domain with this name; nil when there is none.
    func uuid(of name: ApplianceName) async throws -> String? {
        try await virsh.runIfFound(["domuuid", name.rawValue])?.split(whereSeparator: \.isWhitespace).first.map(String.init)
    }

    /// Whether the deployment's domain exists, whatever its name is now.
    func isDefined(_ deployment: DeploymentID) async throws -> Bool { try await virsh.runIfFound(["domname", deployment.uuid]) != nil }

    /// Leaves nothing of the domain behind: its firmware variables, saved states and snapshots are removed with it.
    private func undefine(_ deployment: DeploymentID) async throws {
        _ = try await virsh.runIfFound(["undefine", deployment.uuid, "--nvram", "--managed-save", "--snapshots-metadata", "--checkpoints-metadata"])
    }

    /// The domain was removed by someone else. Its volumes may hold a database, so the remedy is to define the domain again.
    func domainGone(_ record: LibvirtMachine) async throws -> Failure {
        let spec = record.spec
        let missing = try await volumes.missing(of: VolumeNames(spec).disks)
        guard missing.isEmpty else {
            return Failure(
                .machineNotFound, "the domain '\(spec.name)' was removed by hand, and so was '\(missing[0])' in the pool '\(choice.pool)'",
                remedy: "bring the volume back; or give the appliance up: pgkvm delete \(spec.name)")
        }
        var record = record
        if record.hasSeed { record.hasSeed = try await volumes.missing(of: [VolumeNames(spec).seed]).isEmpty }
        let directory = state.appliance(spec.name).machine()
        let file = directory.record(MachineDirectory.Record.domain)
        try await MachineRecords(directory).write(Array(text(record, in: volumes.directory()).domain().utf8), to: MachineDirectory.Record.domain)
        return Failure(
            .machineFailed, "the domain '\(spec.name)' was removed by hand; its volumes are left in the pool '\(choice.pool)' as they were",
            remedy: "define it again, as it was made: \(virsh.lines("define \(ShellWord.quoted(file.string))"))")
    }

    package func delete(_ machine: MachineReference) async throws {
        // Check the pool before removing anything: without the pool the volumes would stay.
        _ = try await volumes.info()
        try await powerOff(machine)
        try await undefine(machine.deployment)
        for name in VolumeNames(machine).all { try await volumes.delete(name) }
        // Only root may remove files that the system's daemon has written.
        if let log = serialLog(of: machine) { try? Files.remove(log) }
        let directory = try directory(of: machine)
        if try LibvirtMachine.load(from: directory)?.spec.deployment == machine.deployment {
            try Files.remove(directory.path)
            try Files.remove(directory.records)
        }
    }

    package func attachSeed(_ medium: FilePath, to machine: MachineReference) async throws {
        var record = try load(machine)
        guard let size = Files.status(medium)?.size else { throw Failure(.machineFailed, "there is no seed '\(medium)'") }
        if record.hasSeed { try await detachSeed(from: machine) }
        try await volumes.put(medium.string, size: size, as: VolumeNames(record.spec).seed)
        // Record the seed before creating it, so that cleaning up after a crash is safe even if it was never made.
        record.hasSeed = true
        try record.save(to: directory(of: machine))
        try await virsh.run(["attach-device", domain(of: machine), "/dev/stdin", "--config"], input: text(record, in: volumes.directory()).seed())
        try Files.remove(medium)
    }

    package func detachSeed(from machine: MachineReference) async throws {
        var record = try load(machine)
        if record.hasSeed {
            let isRunning = try await powerState(of: machine) == .running
            for scope in (isRunning ? ["--live"] : []) + ["--config"] { try await detach(machine, scope) }
            record.hasSeed = false
            try record.save(to: directory(of: machine))
        }
        try await volumes.delete(VolumeNames(record.spec).seed)
    }

    /// It is not an error when the disk does not exist.
    private func detach(_ machine: MachineReference, _ scope: String) async throws {
        do {
            try await virsh.run(["detach-disk", domain(of: machine), DomainText.seedTarget, scope])
        } catch let error as Failure where error.code == .libvirtRefused {
            let disks = try await virsh.run(["domblklist", domain(of: machine)] + (scope == "--config" ? ["--inactive"] : []))
            guard disks.split(at: "\n").allSatisfy({ !$0.contains(#/^\s*sda\s/#) }) else { throw error }
        }
    }
}

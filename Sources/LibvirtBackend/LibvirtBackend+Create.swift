internal import ApplianceModel
internal import HostSystem
package import MachineBackend
package import SystemPackage

/// Making and removing a domain and its volumes.
extension LibvirtBackend {
    /// Volumes first, the domain last: as long as there is no domain nothing has ever run from them, and a call after a killed one makes
    /// them anew.
    package func create(_ spec: MachineSpec) async throws -> MachineReference {
        let directory = state.appliance(spec.name).machine()
        let reference = MachineReference(backend: kind, deployment: spec.deployment, identifier: spec.name.rawValue)
        if let other = try await uuid(of: spec.name), other != spec.deployment.uuid { throw stranger(spec.name.rawValue) }
        var machine = LibvirtMachine(spec: spec)
        if let found = try LibvirtMachine.load(from: directory), found.spec.deployment == spec.deployment {
            if found.isComplete {
                if try await uuid(of: spec.name) != nil { return reference }
                // It has run: what is in its volumes may be a database.
                throw Failure(
                    .machineFailed, "the domain '\(spec.name)' was removed by hand; its volumes are left in the pool '\(choice.pool)' as they were",
                    remedy: "define it again: 'pgkvm plan SPEC --out DIRECTORY' writes its XML, 'virsh define' takes it; or 'pgkvm delete \(spec.name)'")
            }
            machine.spec = found.spec
        }
        try machine.save(to: directory)
        if try await uuid(of: spec.name) == nil {
            do {
                try await volumes.createDataDisk(machine.spec)
                try await volumes.createSystemDisk(machine.spec)
                try await virsh.run(["define", "--validate", "/dev/stdin"], input: text(machine).domain())
            } catch {
                for name in VolumeNames(machine.spec).all { try? await volumes.delete(name) }
                throw error
            }
        }
        machine.isComplete = true
        try machine.save(to: directory)
        return reference
    }

    /// The UUID of the domain of this name; nil when there is none.
    func uuid(of name: ApplianceName) async throws -> String? {
        try await virsh.runIfFound(["domuuid", name.rawValue])?.split(whereSeparator: \.isWhitespace).first.map(String.init)
    }

    package func delete(_ machine: MachineReference) async throws {
        try await powerOff(machine)
        // Nothing of it is left behind: its firmware's variables, saved states and snapshots go with it.
        _ = try await virsh.runIfFound(["undefine", domain(of: machine), "--nvram", "--managed-save", "--snapshots-metadata", "--checkpoints-metadata"])
        for name in VolumeNames(machine).all { try await volumes.delete(name) }
        // Only root may remove what the system's daemon has written.
        if let log = serialLog(of: machine) { try? Files.remove(log) }
        let directory = try directory(of: machine)
        if try LibvirtMachine.load(from: directory)?.spec.deployment == machine.deployment { try Files.remove(directory.path) }
    }

    package func attachSeed(_ medium: FilePath, to machine: MachineReference) async throws {
        var record = try load(machine)
        guard let size = Files.status(medium)?.size else { throw Failure(.machineFailed, "there is no seed '\(medium)'") }
        if record.hasSeed { try await detachSeed(from: machine) }
        try await volumes.put(medium.string, size: size, as: VolumeNames(record.spec).seed)
        // Known first: a seed that is recorded and not there is taken away without harm.
        record.hasSeed = true
        try record.save(to: directory(of: machine))
        try await virsh.run(["attach-device", domain(of: machine), "/dev/stdin", "--config"], input: text(record).seed())
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

    /// A disk that is not there is no error.
    private func detach(_ machine: MachineReference, _ scope: String) async throws {
        do {
            try await virsh.run(["detach-disk", domain(of: machine), DomainText.seedTarget, scope])
        } catch let error as Failure where error.code == .libvirtRefused {
            let disks = try await virsh.run(["domblklist", domain(of: machine)] + (scope == "--config" ? ["--inactive"] : []))
            guard disks.split(separator: "\n").allSatisfy({ !$0.contains(#/^\s*sda\s/#) }) else { throw error }
        }
    }
}

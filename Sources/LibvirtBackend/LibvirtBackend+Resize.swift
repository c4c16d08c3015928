internal import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend

/// Changing the size of a domain that exists. Other changes that someone made to it stay as they are.
extension LibvirtBackend: MachineResizing {
    /// The size that pgkvm gave it: a later change by someone else is theirs, and not a reason to shut the guest down.
    package func processor(of machine: MachineReference) async throws -> CPUDecision { try load(machine).spec.cpu }

    package func setProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws {
        var record = try load(machine)
        guard record.spec.cpu != cpu else { return }
        guard try await powerState(of: machine) == .off else {
            throw Failure(
                .machineStillRunning, "the machine of '\(machine.identifier)' has to be off to get another processor or memory",
                remedy: "pgkvm stop \(machine.identifier)")
        }
        let domain = domain(of: machine)
        // The current number may not exceed the maximum, so the smaller of the two is set first. The maximum may have been changed by hand.
        guard let bound = Int(try await virsh.run(["vcpucount", domain, "--maximum", "--config"]).prefix(while: \.isNumber)) else {
            throw Failure(.libvirtRefused, "what libvirt says of the processors of '\(machine.identifier)' cannot be read")
        }
        try await virsh.run(["setvcpus", domain, "\(min(cpu.vcpus, bound))", "--config"])
        try await virsh.run(["setvcpus", domain, "\(cpu.vcpus)", "--config", "--maximum"])
        try await virsh.run(["setvcpus", domain, "\(cpu.vcpus)", "--config"])
        try await virsh.run(["setmaxmem", domain, "\(cpu.memory.bytes / 1024)", "--config"])
        try await virsh.run(["setmem", domain, "\(cpu.memory.bytes / 1024)", "--config"])
        record.spec = record.spec.resized(cpu: cpu, dataDisk: record.spec.dataDiskSize)
        try record.save(to: directory(of: machine))
    }

    package func dataDisk(of machine: MachineReference) async throws -> ByteSize { try load(machine).spec.dataDiskSize }

    package func spaceLeft(for machine: MachineReference) async throws -> ByteSize { try await volumes.free() }

    package func growDataDisk(to size: ByteSize, of machine: MachineReference) async throws {
        var record = try load(machine)
        let volume = VolumeNames(record.spec).data
        guard record.spec.dataDiskSize <= size else { return }
        if try await volumes.size(of: volume) < size { try await volumes.resize(volume, to: size, reserves: true) }
        if try await powerState(of: machine) == .running {
            try await virsh.run(["blockresize", domain(of: machine), DomainText.dataTarget, "\(size.bytes)B"])
        }
        record.spec = record.spec.resized(cpu: record.spec.cpu, dataDisk: size)
        try record.save(to: directory(of: machine))
    }
}

extension LibvirtBackend: DataDiskSpaceTelling {
    package func dataDiskSpace(of machine: MachineReference) async throws -> DataDiskSpace {
        try await volumes.space(of: VolumeNames(machine).data)
    }
}

extension LibvirtBackend: DiscardTelling {
    /// libvirt cannot remove the discard feature from a virtio disk, but it can make QEMU ignore discards.
    package func discardUse(of machine: MachineReference) async throws -> DiscardUse {
        let text = try await virsh.run(["dumpxml", domain(of: machine)])
        let disks = text.split(separator: "<disk ").dropFirst()
        let isIgnored = disks.contains { $0.contains("<target dev='\(DomainText.dataTarget)'") && $0.contains("discard='ignore'") }
        return isIgnored ? .ignored : .givenBack
    }
}

package import ApplianceModel
internal import HostSystem
package import MachineBackend
internal import SystemPackage

/// Looking at the host before anything is created.
extension QEMUBackend {
    package func checkHost(_ spec: ApplianceSpec) async throws -> HostReport {
        try checkSocketPaths(spec.name)
        let abilities = try await QEMUAbilities.probe()
        guard abilities.missingDevices.isEmpty else {
            throw Failure(
                .machineProbeFailed, "QEMU \(abilities.version) has no \(abilities.missingDevices.joined(separator: ", "))",
                remedy: "install the complete emulator: apt-get install qemu-system-x86")
        }
        // pgkvm's own images boot by UEFI; what an imported one needs is known when it is opened.
        if case .release = spec.machine.image, abilities.firmwareCode == nil { throw Self.firmwareMissing }
        let decision = try AcceleratorDecision.decide(spec.machine.accelerator, verdict: await kvmVerdict(), cpu: HostCPU.current())
        try Self.checkEmulation(of: spec.machine.image, accelerator: decision.accelerator, version: abilities.version)
        return HostReport(
            accelerator: decision.accelerator,
            findings: [
                decision.finding,
                Finding(check: "host.qemu", level: .pass, measured: "QEMU \(abilities.version)", expected: "virtio devices, QMP"),
                sandboxFinding(abilities), try memoryFinding(spec), try spaceFinding(spec),
            ])
    }

    static var firmwareMissing: Failure {
        Failure(.machineProbeFailed, "UEFI firmware for guests is not installed", remedy: "install the package 'ovmf': apt-get install ovmf")
    }

    /// The micro-guest runs with this program's rights; QEMU may have fewer.
    private func kvmVerdict() async throws -> KVMVerdict {
        let verdict = await KVMProbe.run()
        guard case .usable = verdict, try await !QEMUUser.prepare().canUseKVM(Files.status("/dev/kvm")) else { return verdict }
        return .unusable(
            reason: "the user '\(QEMUUser.accountName)', as which QEMU runs, may not open it (chgrp kvm /dev/kvm && chmod 0660 /dev/kvm)")
    }

    /// A Debian 13 kernel crashes under the emulation of old QEMUs; with KVM the version does not matter.
    static func checkEmulation(of image: ImageChoice, accelerator: Accelerator, version: QEMUAbilities.Version) throws {
        let abilities = QEMUAbilities(
            version: version, sandboxDenials: [], missingDevices: [], aioModes: [], firmwareCode: nil, firmwareVariables: nil)
        guard accelerator == .tcg, image == .release(.debian13), !abilities.emulatesDebian13 else { return }
        throw Failure(
            .guestCannotRun, "QEMU \(version) cannot emulate a Debian 13 guest: its kernel crashes while booting",
            remedy: "install QEMU 10 or later (on Debian 12: from bookworm-backports), use a host with KVM, or pass '--image debian-12'")
    }

    /// QEMU itself uses a relative path, everybody else the absolute one.
    private func checkSocketPaths(_ name: ApplianceName) throws {
        try Sockets.checkPath(state.appliance(name).machine().file(MachineDirectory.Name.serialSocket))
    }

    private func sandboxFinding(_ abilities: QEMUAbilities) -> Finding {
        let isFull = abilities.sandboxDenials.count == 4
        return Finding(
            check: "host.sandbox", level: isFull ? .pass : .warn,
            measured: abilities.sandboxDenials.isEmpty ? "none" : abilities.sandboxDenials.joined(separator: ", "),
            expected: "obsolete, elevateprivileges, spawn, resourcecontrol denied",
            remedy: isFull ? nil : "install a QEMU that was built with seccomp")
    }

    private func memoryFinding(_ spec: ApplianceSpec) throws -> Finding {
        let memory = try HostMemory.current()
        let fits = spec.machine.memory < memory.available
        return Finding(
            check: "host.memory", level: fits ? .pass : .warn, measured: "\(memory.available.mebibytes) MiB available",
            expected: "more than the guest's \(spec.machine.memory)",
            remedy: fits ? nil : "the host is overcommitted: it may swap or kill the guest; give the guest less memory")
    }

    /// What will be written: the whole data disk, and the system disk as far as it is filled at first.
    private func spaceFinding(_ spec: ApplianceSpec) throws -> Finding {
        var existing = state.path
        while !Files.exists(existing) { existing.removeLastComponent() }
        let free = try Files.freeSpace(at: existing)
        let machine = state.appliance(spec.name).machine()
        let present = Files.status(machine.file(MachineDirectory.Name.dataDisk))?.allocated.bytes ?? 0
        let data = spec.dataDisk.adopt == nil ? max(0, spec.dataDisk.size.bytes - present) : 0
        let system: Int64 = Files.exists(machine.file(MachineDirectory.Name.systemDisk)) ? 0 : 2 << 30
        let needed = ByteSize(bytes: data + system)
        guard free > needed else {
            throw Failure(
                .diskFull, "the deployment needs \(needed.mebibytes) MiB at '\(existing)', where \(free.mebibytes) MiB are free",
                remedy: "free space, ask for a smaller data disk, or set PGKVM_HOME to a larger file system")
        }
        let remains = free.bytes - needed.bytes
        return Finding(
            check: "host.space", level: remains * 5 > free.bytes ? .pass : .warn, measured: "\(free.mebibytes) MiB free",
            expected: "more than \(needed.mebibytes) MiB, and room to spare",
            remedy: remains * 5 > free.bytes ? nil : "little space will be left on the file system of '\(existing)'")
    }
}

extension Failure.Code {
    package static let guestCannotRun = Failure.Code("host.cannot-run-guest")
}

package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import SystemPackage

/// Examining the host before anything is created.
extension QEMUBackend {
    package func checkHost(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> HostReport {
        let host = await examine(spec, abilities: { try await .probe() }, user: { try await .example() })
        if let failure = host.failures.first { throw failure }
        guard let accelerator = host.accelerator else { throw Failure(.machineProbeFailed, "no accelerator was decided") }
        return HostReport(accelerator: accelerator, findings: host.findings)
    }

    /// The results of examining the host; each single failure refuses a deployment.
    struct Examination {
        var accelerator: Accelerator?
        var findings: [Finding] = []
        var resources: [HostResource] = []
        var failures: [Failure] = []
    }

    /// Examines everything, even after something that refuses the deployment.
    /// - Parameters:
    ///   - abilities: the abilities of the installed QEMU.
    ///   - user: the user that QEMU will run as.
    func examine(
        _ spec: ApplianceSpec, abilities ask: @Sendable () async throws -> QEMUAbilities, user: @Sendable () async throws -> QEMUUser
    ) async -> Examination {
        var host = Examination()
        func note(_ body: () async throws -> Void) async {
            do {
                try await body()
            } catch {
                host.failures.append(error as? Failure ?? Failure(.machineProbeFailed, "the host cannot be examined", cause: error))
            }
        }
        await note { try checkSocketPaths(spec.name) }
        await note { try HostNetwork().check(spec.network.mode, spec.network.device) }
        await note { if try takesPasst(spec) { try PasstForwarding.checkInstalled() } }
        var abilities: QEMUAbilities?
        await note {
            let found = try await ask()
            abilities = found
            guard found.missingDevices.isEmpty else {
                throw Failure(
                    .machineProbeFailed, "QEMU \(found.version) has no \(found.missingDevices.joined(separator: ", "))",
                    remedy: "install the complete emulator, as root: apt-get install qemu-system-x86")
            }
        }
        // pgkvm's own images boot by UEFI; what an imported image needs is known only when it is opened.
        if case .release = spec.machine.image, let abilities, abilities.firmwareCode == nil { host.failures.append(Self.firmwareMissing) }
        await note {
            let decision = try AcceleratorDecision.decide(spec.machine.accelerator, verdict: await kvmVerdict(user), cpu: HostCPU.current())
            host.accelerator = decision.accelerator
            host.findings.append(decision.finding)
            if let abilities { try Self.checkEmulation(of: spec.machine.image, accelerator: decision.accelerator, version: abilities.version) }
        }
        if let abilities {
            host.findings.append(Finding(check: "host.qemu", level: .pass, measured: "QEMU \(abilities.version)", expected: "virtio devices, QMP"))
            host.findings.append(sandboxFinding(abilities))
        }
        await note { if let finding = try await UserShutdown.current()?.finding { host.findings.append(finding) } }
        await note {
            let memory = try memory(spec)
            host.resources.append(memory)
            host.findings.append(memory.finding)
        }
        await note {
            let space = try space(spec)
            host.resources.append(space)
            host.findings.append(try Self.finding(space: space))
        }
        return host
    }

    /// A machine that exists keeps the forwarder that it was made with.
    private func takesPasst(_ spec: ApplianceSpec) throws -> Bool {
        guard let own = try QEMUMachine.load(from: state.appliance(spec.name).machine()) else { return spec.takesPasst }
        return own.spec.network.forwarder == .passt
    }

    static var firmwareMissing: Failure {
        Failure(.machineProbeFailed, "UEFI firmware for guests is not installed", remedy: "install the package 'ovmf', as root: apt-get install ovmf")
    }

    /// A Debian 13 kernel crashes under the emulation of old QEMUs; with KVM the version does not matter.
    static func checkEmulation(of image: ImageChoice, accelerator: Accelerator, version: QEMUAbilities.Version) throws {
        let abilities = QEMUAbilities(
            version: version, sandboxDenials: [], missingDevices: [], firmwareCode: nil, firmwareVariables: nil)
        guard accelerator == .tcg, image == .release(.debian13), !abilities.emulatesDebian13 else { return }
        throw Failure(
            .guestCannotRun, "QEMU \(version) cannot emulate a Debian 13 guest: its kernel crashes while booting",
            remedy: "install QEMU 10 or later (on Debian 12: from bookworm-backports), use a host with KVM, or pass '--image debian-12'")
    }

    /// QEMU itself uses a relative path, all other programs the absolute one.
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

    private func memory(_ spec: ApplianceSpec) throws -> HostResource {
        HostResource(kind: .memory, needed: spec.machine.memory, available: try HostMemory.current().available)
    }

    /// The state directory, or the nearest directory above it that exists.
    var existingPlace: FilePath {
        var existing = state.path
        while !Files.exists(existing) { existing.removeLastComponent() }
        return existing
    }

    /// The space that will be written: the whole data disk, and the initial content of the system disk.
    private func space(_ spec: ApplianceSpec) throws -> HostResource {
        let machine = state.appliance(spec.name).machine()
        let present = Files.status(machine.file(MachineDirectory.Name.dataDisk), followLinks: false)?.allocated.bytes ?? 0
        let data = spec.dataDisk.adopt == nil ? max(0, spec.dataDisk.size.bytes - present) : 0
        let system: Int64 = Files.status(machine.file(MachineDirectory.Name.systemDisk), followLinks: false) != nil ? 0 : 2 << 30
        let place = existingPlace
        return HostResource(kind: .space, needed: ByteSize(bytes: data + system), available: try Files.freeSpace(at: place), place: place.string)
    }

    private static func finding(space: HostResource) throws -> Finding {
        let (needed, free, place) = (space.needed, space.available, space.place ?? "")
        guard space.isEnough else {
            throw Failure(
                .diskFull, "the deployment needs \(needed.mebibytes) MiB at '\(place)', where \(free.mebibytes) MiB are free",
                remedy: "free space, ask for a smaller data disk, or set PGKVM_HOME to a larger file system")
        }
        let remains = free.bytes - needed.bytes
        return Finding(
            check: "host.space", level: remains * 5 > free.bytes ? .pass : .warn, measured: "\(free.mebibytes) MiB free",
            expected: "more than \(needed.mebibytes) MiB, and room to spare",
            remedy: remains * 5 > free.bytes ? nil : "little space will be left on the file system of '\(place)'")
    }
}

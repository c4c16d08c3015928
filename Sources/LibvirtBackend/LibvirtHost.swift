internal import ApplianceModel
package import Basics
internal import HostSystem
internal import MachineBackend
internal import Quoting

/// The daemon's host and its resources.
struct LibvirtHost {
    let choice: ApplianceSpec.Libvirt
    let state: StateDirectory
    var isOffline = false

    var virsh: Virsh { Virsh(uri: choice.uri, isOffline: isOffline) }
    var volumes: Volumes { Volumes(virsh: virsh, pool: choice.pool) }

    /// The results of the examination; each single failure refuses a deployment.
    struct Examination {
        var accelerator: Accelerator?
        var findings: [Finding] = []
        var resources: [HostResource] = []
        var failures: [Failure] = []
    }

    /// Examines everything, even after something that refuses the deployment; stops only where no daemon answers.
    func examine(_ spec: ApplianceSpec) async -> Examination {
        var host = Examination()
        func note(_ body: () async throws -> Void) async {
            do {
                try await body()
            } catch {
                host.failures.append(error as? Failure ?? Failure(.machineProbeFailed, "the host cannot be examined", cause: error))
            }
        }
        // This comes first because it makes every other query slow.
        if let finding = try? await permissionTrap() { host.findings.append(finding) }
        var emulator = 0
        await note {
            let (finding, major) = try await versions()
            host.findings.append(finding)
            emulator = major
        }
        guard host.failures.isEmpty else { return host }
        await note {
            let decision = try await accelerator(spec.machine.accelerator)
            host.accelerator = decision.accelerator
            host.findings.append(decision.finding)
            guard decision.accelerator == .kvm || emulator >= 10 || spec.machine.image != .release(.debian13) else {
                throw Failure(
                    .guestCannotRun, "QEMU \(emulator) of the daemon's host cannot emulate a Debian 13 guest: its kernel crashes while booting",
                    remedy: "install QEMU 10 or later there, use a host with KVM, or pass '--image debian-12'")
            }
            // pgkvm's own images boot by UEFI; what an imported image needs is known only when it is opened.
            if case .release = spec.machine.image { try await checkFirmware(decision.accelerator) }
        }
        await note { try await checkName(spec.name) }
        await note {
            let space = try await space(spec)
            host.resources.append(space)
            host.findings.append(try Self.finding(space))
        }
        await note {
            let memory = HostResource(kind: .memory, needed: spec.machine.memory, available: try await freeMemory())
            host.resources.append(memory)
            host.findings.append(memory.finding)
        }
        await note { try await checkNetwork(spec.network) }
        return host
    }

    private func versions() async throws -> (Finding, emulator: Int) {
        let text = try await virsh.run(["version", "--daemon"])
        let daemon = Virsh.value("Running against daemon", in: text) ?? "unknown"
        let emulator = Virsh.value("Running hypervisor", in: text) ?? "QEMU unknown"
        guard let major = daemon.split(at: ".").first.flatMap({ Int($0) }), major >= 9 else {
            throw Failure(
                .machineProbeFailed, "the daemon at '\(choice.uri)' is libvirt \(daemon); 9.0 or later is needed",
                remedy: "update the daemon's host (Debian 12 has libvirt 9.0)")
        }
        let finding = Finding(check: "host.libvirt", level: .pass, measured: "libvirt \(daemon), \(emulator)", expected: "libvirt 9.0 or later")
        return (finding, emulator.firstMatch(of: #/([0-9]+)\./#).flatMap { Int($0.1) } ?? 0)
    }

    private func checkName(_ name: ApplianceName) async throws {
        guard let uuid = try await virsh.runIfFound(["domuuid", name.rawValue])?.split(whereSeparator: \.isWhitespace).first else { return }
        let own = try LibvirtMachine.load(from: state.appliance(name).machine())?.spec.deployment.uuid
        guard own != String(uuid) else { return }
        throw virsh.stranger(name)
    }

    /// The free space of the pool, and the space that will be written: the whole data disk, and the initial content of the system disk.
    private func space(_ spec: ApplianceSpec) async throws -> HostResource {
        _ = try await volumes.directory()
        let available = try await volumes.free()
        let own = try LibvirtMachine.load(from: state.appliance(spec.name).machine())
        let needed: Int64 =
            own?.isComplete == true ? max(0, spec.dataDisk.size.bytes - (own?.spec.dataDiskSize.bytes ?? 0)) : spec.dataDisk.size.bytes + 2 << 30
        return HostResource(kind: .space, needed: ByteSize(bytes: needed), available: available, place: "the storage pool '\(choice.pool)'")
    }

    private static func finding(_ space: HostResource) throws -> Finding {
        guard space.isEnough else {
            throw Failure(
                .diskFull, "the deployment needs \(space.needed.mebibytes) MiB in \(space.place ?? ""), where \(space.available.mebibytes) MiB are free",
                remedy: "free space there, ask for a smaller data disk, or name another pool (machine.libvirt.pool)")
        }
        return Finding(
            check: "host.space", level: .pass, measured: "\(space.available.mebibytes) MiB free in \(space.place ?? "")",
            expected: "more than \(space.needed.mebibytes) MiB")
    }

    private func freeMemory() async throws -> ByteSize {
        if choice.isThisHost { return try HostMemory.current().available }
        let text = try await virsh.run(["nodememstats"])
        let parts = ["free", "buffers", "cached"].compactMap { Virsh.value($0, in: text)?.prefix(while: \.isNumber) }.compactMap { Int64($0) }
        return .kibibytes(parts.sumSaturated())
    }
}

extension Failure.Code {
    /// The storage pool is missing or not active.
    package static let libvirtPool = Failure.Code("libvirt.pool")
    /// The network or bridge is missing or not active.
    package static let libvirtNetwork = Failure.Code("libvirt.network")
}

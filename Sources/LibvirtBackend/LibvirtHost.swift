package import ApplianceModel
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// What the daemon's host is and has.
struct LibvirtHost {
    let choice: ApplianceSpec.Libvirt
    let state: StateDirectory

    private var virsh: Virsh { Virsh(uri: choice.uri) }

    /// What was seen; each failure alone refuses a deployment.
    struct Examination {
        var accelerator: Accelerator?
        var findings: [Finding] = []
        var resources: [HostResource] = []
        var failures: [Failure] = []
    }

    /// Looks at everything, also after something that refuses the deployment; at nothing more where no daemon answers.
    func examine(_ spec: ApplianceSpec) async -> Examination {
        var host = Examination()
        func note(_ body: () async throws -> Void) async {
            do {
                try await body()
            } catch {
                host.failures.append(error as? Failure ?? Failure(.machineProbeFailed, "the host cannot be examined", cause: error))
            }
        }
        // Told first: it makes every other question slow.
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

    /// libvirt's probe of KVM runs as root and its use of it as another user: where the two differ, the daemon probes anew with every
    /// call, seconds each.
    func permissionTrap(device: FilePath = "/dev/kvm") async throws -> Finding? {
        guard choice.isThisHost, !choice.isSession, let status = Files.status(device) else { return nil }
        let groups = try await ProgramRunner.run("id", ["-G", "libvirt-qemu"])
        guard groups.status == 0 else { return nil }
        let isOpen =
            status.permissions & 0o006 == 0o006
            || status.permissions & 0o060 == 0o060 && groups.outputText.split(whereSeparator: \.isWhitespace).contains("\(status.group)")
        guard !isOpen else { return nil }
        return Finding(
            check: "host.kvm-permission", level: .warn, measured: "\(device) is closed to libvirt-qemu, so that every call of libvirt takes seconds",
            expected: "\(device) open to the user as which libvirt runs its machines", remedy: "sudo chgrp kvm \(device) && sudo chmod 0660 \(device)")
    }

    private func versions() async throws -> (Finding, emulator: Int) {
        let text = try await virsh.run(["version", "--daemon"])
        let daemon = Virsh.value("Running against daemon", in: text) ?? "unknown"
        let emulator = Virsh.value("Running hypervisor", in: text) ?? "QEMU unknown"
        guard let major = daemon.split(separator: ".").first.flatMap({ Int($0) }), major >= 9 else {
            throw Failure(
                .machineProbeFailed, "the daemon at '\(choice.uri)' is libvirt \(daemon); 9.0 or later is needed",
                remedy: "update the daemon's host (Debian 12 has libvirt 9.0)")
        }
        let finding = Finding(check: "host.libvirt", level: .pass, measured: "libvirt \(daemon), \(emulator)", expected: "libvirt 9.0 or later")
        return (finding, emulator.firstMatch(of: #/([0-9]+)\./#).flatMap { Int($0.1) } ?? 0)
    }

    /// On this host the micro-guest tells whether KVM runs Linux; of another host only the daemon can say something.
    private func accelerator(_ choice: AcceleratorChoice) async throws -> AcceleratorDecision {
        if self.choice.isThisHost {
            return try AcceleratorDecision.decide(choice, verdict: await KVMProbe.run(), cpu: HostCPU.current())
        }
        let offers = try await virsh.run(["domcapabilities", "--virttype", "kvm"]).contains("<domain>kvm</domain>")
        let expected = "KVM on the daemon's host"
        switch (choice, offers) {
        case (.auto, true), (.kvm, true):
            return AcceleratorDecision(
                accelerator: .kvm, finding: Finding(check: "host.kvm", level: .pass, measured: "the daemon offers KVM", expected: expected))
        case (.kvm, false):
            throw Failure(.kvmUnusable, "the daemon at '\(self.choice.uri)' offers no KVM", remedy: "virt-host-validate qemu, on that host")
        case (.tcg, _), (.auto, false):
            return AcceleratorDecision(
                accelerator: .tcg,
                finding: Finding(
                    check: "host.kvm", level: .warn, measured: "software emulation (TCG), many times slower than KVM", expected: expected,
                    remedy: "virt-host-validate qemu, on the daemon's host"))
        }
    }

    private func checkName(_ name: ApplianceName) async throws {
        guard let uuid = try await virsh.runIfFound(["domuuid", name.rawValue])?.split(whereSeparator: \.isWhitespace).first else { return }
        let own = try LibvirtMachine.load(from: state.appliance(name).machine())?.spec.deployment.uuid
        guard own != String(uuid) else { return }
        throw Failure(
            .machineStranger, "libvirt at '\(choice.uri)' has a domain '\(name)' already, which pgkvm has not made",
            remedy: "choose another name; pgkvm touches no domain that it has not made (\(virsh.lines("dumpxml \(name)")))")
    }

    /// The space that the pool has, and what will be written: the whole data disk, and the system disk as far as it is filled at first.
    private func space(_ spec: ApplianceSpec) async throws -> HostResource {
        let pool = choice.pool
        guard let text = try await virsh.runIfFound(["pool-info", pool, "--bytes"]) else {
            throw Failure(
                .libvirtPool, "libvirt at '\(choice.uri)' has no storage pool '\(pool)'",
                remedy: virsh.lines("pool-define-as \(pool) dir --target DIRECTORY", "pool-start \(pool)", "pool-autostart \(pool)"))
        }
        guard Virsh.value("State", in: text) == "running" else {
            throw Failure(.libvirtPool, "the storage pool '\(pool)' is not active", remedy: virsh.lines("pool-start \(pool)", "pool-autostart \(pool)"))
        }
        let available = Virsh.value("Available", in: text).flatMap { Int64($0) } ?? 0
        let own = try LibvirtMachine.load(from: state.appliance(spec.name).machine())
        let needed: Int64 =
            own?.isComplete == true ? max(0, spec.dataDisk.size.bytes - (own?.spec.dataDiskSize.bytes ?? 0)) : spec.dataDisk.size.bytes + 2 << 30
        return HostResource(kind: .space, needed: ByteSize(bytes: needed), available: ByteSize(bytes: available), place: "the storage pool '\(pool)'")
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
        return .kibibytes(parts.reduce(0, +))
    }

    /// libvirt takes any name at the definition, and finds out at the start.
    func checkNetwork(_ network: ApplianceSpec.Network) async throws {
        guard let device = network.device else { return }
        switch network.mode {
        case .user, .tap: break
        case .bridge:
            guard choice.isThisHost, !Files.isDirectory(FilePath("/sys/class/net/\(device)/bridge")) else { return }
            throw Failure(
                .libvirtNetwork, "network.device: this host has no bridge '\(device)'",
                remedy: "as root: ip link add name \(device) type bridge && ip link set dev \(device) up, and add the card that leads outside")
        case .nat:
            guard let text = try await virsh.runIfFound(["net-info", device]) else {
                throw Failure(
                    .libvirtNetwork, "network.device: libvirt at '\(choice.uri)' has no network '\(device)'",
                    remedy: "choose one of: \(virsh.lines("net-list --all --name"))")
            }
            guard Virsh.value("Active", in: text) == "yes" else {
                throw Failure(
                    .libvirtNetwork, "libvirt's network '\(device)' is not active", remedy: virsh.lines("net-start \(device)", "net-autostart \(device)"))
            }
        }
    }

    /// How the pool's disks are best opened: past the page cache, unless the pool's file system refuses that.
    func disks(vcpus: Int) async throws -> (DiskDecision, [Finding]) {
        let text = try await virsh.run(["pool-dumpxml", choice.pool])
        let path = text.firstMatch(of: #/<path>([^<]+)<\/path>/#).map { FilePath(String($0.1)) }
        let node = try await virsh.run(["nodeinfo"])
        let ioThread = (Virsh.value("CPU(s)", in: node).flatMap { Int($0) } ?? 1) > vcpus
        guard choice.isThisHost, let path, let fileSystem = try? FileSystems.name(at: path) else {
            let decision = DiskDecision(cacheDirect: true, aio: .native, ioThread: ioThread, fileSystem: "of another host")
            return (
                decision,
                [
                    Finding(
                        check: "host.storage", level: .pass, measured: "the storage pool '\(choice.pool)', whose file system cannot be seen from here",
                        expected: Self.expected)
                ]
            )
        }
        let direct = FileSystems.promisesDirectIO(at: path) ?? !["tmpfs", "fuse", "zfs"].contains(fileSystem)
        let decision = DiskDecision(cacheDirect: direct, aio: direct ? .native : .threads, ioThread: ioThread, fileSystem: fileSystem)
        let isGood = direct && !["btrfs", "nfs", "cifs"].contains(fileSystem)
        return (
            decision,
            [
                Finding(
                    check: "host.storage", level: isGood ? .pass : .warn,
                    measured: "\(fileSystem), O_DIRECT \(direct ? "is offered" : "refused"), aio=\(decision.aio.rawValue)", expected: Self.expected,
                    remedy: isGood ? nil : "prefer a pool on ext4 or XFS (machine.libvirt.pool)")
            ]
        )
    }

    private static let expected = "a local file system with O_DIRECT"
}

extension Failure.Code {
    /// The storage pool is missing or not active.
    package static let libvirtPool = Failure.Code("libvirt.pool")
    /// The network or bridge is missing or not active.
    package static let libvirtNetwork = Failure.Code("libvirt.network")
}

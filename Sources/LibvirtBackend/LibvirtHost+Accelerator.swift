internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// What executes the guest's instructions.
extension LibvirtHost {
    /// libvirt probes KVM as root but uses it as another user: where the results differ, the daemon repeats the probe with every
    /// call, which takes seconds each time.
    func permissionTrap(device: FilePath = "/dev/kvm") async throws -> Finding? {
        guard try await isClosed(device) else { return nil }
        return Finding(
            check: "host.kvm-permission", level: .warn, measured: "\(device) is closed to libvirt-qemu, so that every call of libvirt takes seconds",
            expected: "\(device) open to the user as which libvirt runs its machines", remedy: Self.opening(device))
    }

    /// Whether the user that runs the system daemon's machines may not open this host's KVM.
    private func isClosed(_ device: FilePath) async throws -> Bool {
        guard choice.isThisHost, !choice.isSession, let status = Files.status(device) else { return false }
        let groups = try await ProgramRunner.run("id", ["-G", "libvirt-qemu"])
        guard groups.status == 0 else { return false }
        return status.permissions & 0o006 != 0o006
            && !(status.permissions & 0o060 == 0o060 && groups.outputText.split(whereSeparator: \.isWhitespace).contains("\(status.group)"))
    }

    private static func opening(_ device: FilePath) -> String { "sudo chgrp kvm \(device) && sudo chmod 0660 \(device)" }

    /// On this host the micro-guest shows whether KVM runs Linux. On another host, or where the caller cannot run the micro-guest, only the daemon
    /// can answer.
    func accelerator(
        _ wanted: AcceleratorChoice, device: FilePath = "/dev/kvm", probe: () async -> KVMVerdict = { await KVMProbe.run() }
    ) async throws -> AcceleratorDecision {
        if try await isClosed(device) {
            return try decide(wanted, problem: "\(device) is closed to libvirt-qemu, which runs the machines", remedy: Self.opening(device))
        }
        if choice.isThisHost {
            let verdict = await probe()
            // The machines of the system's daemon run as another user.
            if choice.isSession || verdict != .permissionDenied { return try AcceleratorDecision.decide(wanted, verdict: verdict, cpu: HostCPU.current()) }
        }
        let offers = wanted == .tcg ? false : try await offersKVM()
        return try decide(wanted, problem: offers ? nil : "the daemon at '\(choice.uri)' offers none", remedy: "virt-host-validate qemu, on that host")
    }

    /// A daemon without KVM does not list any capabilities for it.
    private func offersKVM() async throws -> Bool {
        do {
            return try await virsh.run(["domcapabilities", "--virttype", "kvm"]).contains("<domain>kvm</domain>")
        } catch let error as Failure where error.code == .libvirtRefused {
            return false
        }
    }

    /// - Parameter problem: why KVM is unavailable; nil when it is available.
    private func decide(_ wanted: AcceleratorChoice, problem: String?, remedy: String) throws -> AcceleratorDecision {
        let expected = "KVM on the daemon's host"
        switch (wanted, problem) {
        case (.auto, nil), (.kvm, nil):
            return AcceleratorDecision(
                accelerator: .kvm, finding: Finding(check: "host.kvm", level: .pass, measured: "the daemon offers KVM", expected: expected))
        case (.kvm, let problem?):
            throw Failure(.kvmUnusable, "KVM cannot run the guest: \(problem)", remedy: "\(remedy); or pass '--accelerator tcg'")
        case (.tcg, _), (.auto, _?):
            let reason = wanted == .tcg ? "it was asked for" : problem ?? ""
            return AcceleratorDecision(
                accelerator: .tcg,
                finding: Finding(
                    check: "host.kvm", level: .warn, measured: "software emulation (TCG), many times slower than KVM: \(reason)", expected: expected,
                    remedy: wanted == .tcg ? "leave out '--accelerator tcg' where the daemon has KVM" : remedy))
        }
    }

    /// libvirt chooses the firmware only at the start, when the disks already exist.
    func checkFirmware(_ accelerator: Accelerator) async throws {
        let type = accelerator == .kvm ? "kvm" : "qemu"
        let text = try await virsh.run(["domcapabilities", "--virttype", type, "--machine", "q35"])
        guard text.contains(#/<enum name='firmware'>\s*(<value>[a-z]+<\/value>\s*)*<value>efi<\/value>/#) else {
            throw Failure(.machineProbeFailed, "the daemon at '\(choice.uri)' has no UEFI firmware", remedy: "on its host, as root: apt-get install ovmf")
        }
    }
}

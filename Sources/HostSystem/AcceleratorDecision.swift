package import ApplianceModel
package import Basics

/// What executes the guest's instructions, and the finding that says why.
package struct AcceleratorDecision: Sendable, Equatable, Codable {
    package let accelerator: Accelerator
    /// The check `host.kvm`: passed with KVM and AES-NI, a warning otherwise.
    package let finding: Finding

    package init(accelerator: Accelerator, finding: Finding) {
        self.accelerator = accelerator
        self.finding = finding
    }

    /// Decides from what the user requested and what the micro-guest showed.
    /// - Throws: `host.kvm-unusable` when KVM was requested and cannot run Linux.
    package static func decide(_ choice: AcceleratorChoice, verdict: KVMVerdict, cpu: HostCPU) throws -> AcceleratorDecision {
        switch (choice, verdict) {
        case (.auto, .usable(let aes)), (.kvm, .usable(let aes)):
            return AcceleratorDecision(accelerator: .kvm, finding: hardware(aes: aes, cpu: cpu))
        case (.kvm, _):
            let problem = KVMProblem(verdict, cpu: cpu)
            throw Failure(
                .kvmUnusable, "KVM cannot run the guest: \(problem.reason)", remedy: "\(problem.remedy), or pass '--accelerator tcg'")
        case (.tcg, .usable):
            return emulation(because: "it was asked for, although KVM is usable", remedy: "leave out '--accelerator tcg'")
        case (.tcg, _):
            let problem = KVMProblem(verdict, cpu: cpu)
            return emulation(because: "it was asked for; KVM would not do either: \(problem.reason)", remedy: problem.remedy)
        case (.auto, _):
            let problem = KVMProblem(verdict, cpu: cpu)
            return emulation(because: problem.reason, remedy: problem.remedy)
        }
    }

    private static let expected = "KVM that runs a Linux guest with AES-NI"

    private static func hardware(aes: Bool, cpu: HostCPU) -> Finding {
        guard !aes else { return Finding(check: "host.kvm", level: .pass, measured: "KVM ran a test guest with AES-NI", expected: expected) }
        return Finding(
            check: "host.kvm", level: .warn, measured: "KVM ran a test guest; AES-NI is missing in it, so TLS costs several times the CPU time",
            expected: expected,
            remedy: cpu.hasAES
                ? "give the CPU feature 'aes' to virtual machines" + (cpu.runsUnderHypervisor ? " in the hypervisor that runs this host" : "")
                : cpu.runsUnderHypervisor
                    ? "give this host the CPU feature 'aes' in the hypervisor that runs it"
                    : "switch on AES-NI in the firmware setup, or use a processor that has it")
    }

    private static func emulation(because reason: String, remedy: String) -> AcceleratorDecision {
        let measured = "software emulation (TCG), many times slower than KVM and no isolation between guest and host: \(reason)"
        return AcceleratorDecision(
            accelerator: .tcg, finding: Finding(check: "host.kvm", level: .warn, measured: measured, expected: expected, remedy: remedy))
    }
}

/// Why KVM cannot be used, and how to fix the cause.
package struct KVMProblem: Sendable {
    package let reason: String
    /// An imperative fragment.
    package let remedy: String

    package init(_ verdict: KVMVerdict, cpu: HostCPU) {
        switch verdict {
        case .usable:
            reason = "nothing is wrong with KVM"
            remedy = "use '--accelerator kvm'"
        case .deviceMissing, .moduleMissing:
            let found = verdict == .deviceMissing ? "there is no /dev/kvm" : "/dev/kvm has no kernel module behind it"
            if let virtualization = cpu.virtualization {
                reason = "\(found), although the processor has \(virtualization.rawValue)"
                remedy =
                    "load the module: sudo modprobe \(virtualization.kernelModule) (if that is refused, "
                    + "switch on \(virtualization.rawValue) in the firmware setup)"
            } else {
                reason = "\(found), and the processor shows neither Intel VT-x nor AMD-V"
                remedy = Self.switchOnVirtualization(cpu)
            }
        case .permissionDenied:
            reason = "this user may not open /dev/kvm"
            remedy = "join the group that owns it: sudo usermod -aG kvm $USER, then \(Self.renewal(HostEnvironment.userID))"
        case .permissionDeniedToServices(let userID):
            reason = "this user's services may not open /dev/kvm, and QEMU will be one of them: they run with the groups of an earlier login"
            remedy = "renew them, which ends what this user has running there: sudo \(Self.restart(userID)) (or restart this host)"
        case .unusable(let cause):
            reason = "/dev/kvm is there, but \(cause)"
            remedy =
                cpu.runsUnderHypervisor
                ? Self.nestedVirtualization : "look for 'kvm' in the kernel's log (dmesg), and update kernel and firmware"
        }
    }

    private static func restart(_ userID: UInt32) -> String { "systemctl restart user@\(userID).service" }

    /// How a user's processes get the user's new groups. For a user who lingers, the services that systemd runs outlive each login.
    private static func renewal(_ userID: UInt32) -> String {
        HostEnvironment.lingers ? "sudo \(restart(userID)), and log in again" : "log in again"
    }

    private static let nestedVirtualization =
        "switch on nested virtualization (Intel VT-x or AMD-V) for this host in the hypervisor that runs it"

    private static func switchOnVirtualization(_ cpu: HostCPU) -> String {
        if cpu.runsUnderHypervisor { return nestedVirtualization }
        let name =
            switch cpu.vendor {
            case "GenuineIntel": "Intel VT-x"
            case "AuthenticAMD", "HygonGenuine": "AMD-V (SVM)"
            default: "hardware virtualization"
            }
        return "switch on \(name) in the firmware setup (BIOS or UEFI)"
    }
}

extension Failure.Code {
    /// KVM was requested and cannot run a Linux guest.
    package static let kvmUnusable = Failure.Code("host.kvm-unusable")
}

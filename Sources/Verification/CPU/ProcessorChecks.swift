internal import ApplianceModel
internal import HostSystem
internal import MachineBackend
internal import Probes
internal import Reports

/// The number of processors that the guest's kernel counts.
enum ProcessorCountChecks {
    static let group = CheckGroup(name: .cpu, check: "guest.report") { run, _ in
        [count(try await run.guestReport.get(), run.target.spec)]
    }

    static func count(_ report: GuestReport, _ spec: ApplianceSpec) -> Finding {
        .equal("cpu.count", report["cpus"], "\(spec.machine.vcpus)", remedy: "stop and start the appliance")
    }
}

/// The processor that the guest sees, compared with this host's: CPUID, executed by each observer.
enum ProcessorChecks {
    static let group = CheckGroup(name: .cpu, check: "cpu.aes") { run, measurements in
        let target = run.target
        // Only a machine that is a process on this host runs on this host's processor.
        var observation = target.isProcessOfThisHost ? await ProcessorObservation.ofThisHost() : ProcessorObservation()
        observation.guest = try await GuestCPUID.read(target.shell)
        measurements.processor = observation.comparison
        return findings(observation, target.accelerator)
    }

    static func findings(_ seen: ProcessorObservation, _ accelerator: Accelerator) -> [Finding] {
        guard let guest = seen.guest else { return ["cpu.aes", "cpu.vaes", "cpu.identity", "cpu.features"].map(unexecuted) }
        return [
            aes(guest, accelerator), vaes(guest, host: seen.host, accelerator), IdentityCheck.judge(guest, host: seen.host, accelerator),
            FeatureCheck.judge(seen, guest: guest, accelerator),
        ]
    }

    private static func unexecuted(_ check: String) -> Finding {
        Finding(
            check: check, level: .fail, measured: "CPUID could not be executed in the guest", expected: "what the guest's processor says",
            remedy: "the guest needs its kernel's module 'cpuid' and perl, or a /dev/shm from which programs may be run")
    }

    private static func aes(_ guest: CPUIDTable, _ accelerator: Accelerator) -> Finding {
        let hasAES = guest[1]?.hasAES == true
        return Finding(
            check: "cpu.aes", level: hasAES ? .pass : .fail,
            measured:
                "executed CPUID leaf 1: ECX=0x\(String(guest[1]?.ecx ?? 0, radix: 16)), AES-NI \(hasAES ? "there" : "missing")\(origin(accelerator))",
            expected: "ECX bit 25 set",
            remedy: hasAES ? nil : "the host's processor or its hypervisor hides AES-NI: pass the host's CPU through to this host")
    }

    /// The wide forms of AES and of the multiplication that GCM needs.
    private static func vaes(_ guest: CPUIDTable, host: CPUIDTable?, _ accelerator: Accelerator) -> Finding {
        func names(_ table: CPUIDTable) -> Set<String> { FeatureNames.set(in: table).intersection(["vaes", "vpclmulqdq"]) }
        let inGuest = names(guest)
        let missing = host.map { names($0).subtracting(inGuest).sorted() } ?? []
        let has = inGuest.isEmpty ? "neither VAES nor VPCLMULQDQ in the guest" : "\(inGuest.sorted().joined(separator: ", ")) in the guest"
        if !missing.isEmpty && accelerator == .kvm {
            return Finding(
                check: "cpu.vaes", level: .warn, measured: "\(has); the host has \(missing.joined(separator: ", "))", expected: "what the host has",
                remedy: "stop and start the appliance; if it stays, this KVM or QEMU is too old for this processor")
        }
        guard !inGuest.isEmpty else {
            return Finding(
                check: "cpu.vaes", level: .skip, measured: "\(has)\(origin(accelerator))", expected: "what the host has",
                remedy: host == nil ? "the processor of the guest's host is not known here" : "this processor has none to give")
        }
        return Finding(check: "cpu.vaes", level: .pass, measured: "\(has)\(origin(accelerator))", expected: "what the host has")
    }

    private static func origin(_ accelerator: Accelerator) -> String { accelerator == .tcg ? " (emulated by TCG: no hardware speed)" : "" }
}

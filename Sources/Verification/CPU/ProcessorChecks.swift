internal import ApplianceModel

/// What the guest says of its processor.
enum ProcessorChecks {
    static let group = CheckGroup(name: .cpu, check: "guest.report") { run, _ in
        findings(try await run.guestReport.get(), run.target.spec, accelerator: run.target.accelerator)
    }

    static func findings(_ report: GuestReport, _ spec: ApplianceSpec, accelerator: Accelerator) -> [Finding] {
        [aes(report, accelerator), count(report, spec)]
    }

    private static func aes(_ report: GuestReport, _ accelerator: Accelerator) -> Finding {
        let words = report["cpuid_leaf1"].split(separator: " ").compactMap { UInt32($0, radix: 16) }
        guard words.count == 4 else {
            return Finding(
                check: "cpu.aes", level: .fail, measured: "CPUID could not be executed in the guest", expected: "CPUID leaf 1, ECX bit 25 set",
                remedy: "the guest's kernel needs the module 'cpuid'")
        }
        let hasAES = words[2] >> 25 & 1 == 1
        let origin = accelerator == .tcg ? " (emulated by TCG: no hardware speed)" : ""
        return Finding(
            check: "cpu.aes", level: hasAES ? .pass : .fail,
            measured: "executed CPUID leaf 1: ECX=0x\(String(words[2], radix: 16)), AES-NI \(hasAES ? "there" : "missing")\(origin)",
            expected: "ECX bit 25 set",
            remedy: hasAES ? nil : "the host's processor or its hypervisor hides AES-NI: pass the host's CPU through to this host")
    }

    private static func count(_ report: GuestReport, _ spec: ApplianceSpec) -> Finding {
        .equal("cpu.count", report["cpus"], "\(spec.machine.vcpus)", remedy: "stop and start the appliance")
    }
}

internal import ApplianceModel
internal import HostSystem

/// Finds the features that the host's processor has and the guest's lacks.
enum FeatureCheck {
    /// Features that depend on the number of processors, or that concern only the host: power, sensors, errors, monitoring, other machines. QEMU
    /// leaves them out of `-cpu host` on purpose, whatever KVM offers.
    static let ofTheHostAlone: Set<String> = [
        "ht", "cmp_legacy", "topoext", "nodeid_msr", "extapic", "nonstop_tsc", "waitpkg", "monitor", "mwaitx", "arch_lbr", "intel_pt", "pdcm", "ds_cpl",
        "dtes64", "dts", "sgx", "sgx_lc", "svm", "vmx", "npt", "lbrv", "svm_lock", "nrip_save", "tsc_scale", "vmcb_clean", "flushbyasid",
        "decodeassists", "pausefilter", "pfthreshold", "avic", "x2avic", "v_vmsave_vmload", "vgif", "v_spec_ctrl", "vnmi", "overflow_recov", "succor",
        "smca", "perfctr_nb", "perfctr_llc", "perfctr_core", "bpext", "irperf", "rdpru", "cppc", "sme", "sev", "sev_es", "sev_snp", "virt_ssbd", "osvw",
        "bus_lock_detect", "acpi", "tm", "tm2", "est", "ss", "pbe", "xtpr", "dca", "smx", "cqm", "rdt_a", "tme", "pconfig",
    ]

    /// Features that a database's encryption, checksums, sorting and memory use. They count as missing even if KVM does not offer them.
    static let important: Set<String> = [
        "aes", "pclmulqdq", "vaes", "vpclmulqdq", "sse4_2", "popcnt", "avx", "avx2", "avx512f", "avx512bw", "avx512vl", "bmi1", "bmi2", "sha_ni", "adx",
        "rdrand", "rdseed", "pdpe1gb", "rdtscp", "pcid", "invpcid", "x2apic", "erms", "fsrm",
    ]

    static func judge(_ seen: ProcessorObservation, guest: CPUIDTable, _ accelerator: Accelerator) -> Finding {
        let expected = "every feature of the host that KVM offers"
        guard let host = seen.host else {
            return Finding(
                check: "cpu.features", level: .skip, measured: "\(FeatureNames.set(in: guest).count) features in the guest", expected: expected,
                remedy: "the processor of the guest's host is not known here")
        }
        let inHost = FeatureNames.set(in: host)
        let missing = inHost.subtracting(FeatureNames.set(in: guest))
        let share = "\(inHost.count - missing.count) of the host's \(inHost.count) features in the guest"
        if accelerator == .tcg {
            return Finding(
                check: "cpu.features", level: .skip, measured: "\(share), emulated\(list("; missing", missing))", expected: expected,
                remedy: "TCG emulates a processor of its own: what it lacks is not for this host to give")
        }
        let offered = seen.kvm.map(FeatureNames.set)
        let missed = missing.filter { name in
            important.contains(name) || !ofTheHostAlone.contains(name) && offered?.contains(name) != false
        }
        let measured = "\(share)\(list("; missing", missed))\(list("; not for a guest", missing.subtracting(missed)))"
        return Finding(
            check: "cpu.features", level: missed.isEmpty ? .pass : .warn, measured: measured, expected: expected,
            remedy: missed.isEmpty ? nil : "stop and start the appliance; if it stays, this KVM or QEMU is too old for this processor")
    }

    private static func list(_ label: String, _ names: Set<String>) -> String {
        names.isEmpty ? "" : "\(label): \(FeatureNames.all.filter(names.contains).joined(separator: " "))"
    }
}

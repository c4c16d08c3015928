package import HostSystem
internal import Quoting

/// The features of x86 processors, by their names in /proc/cpuinfo.
package enum FeatureNames {
    /// One register of one leaf, with a name for each of its bits.
    struct Register {
        let leaf: UInt32
        let subleaf: UInt32
        let register: CPUIDRegister
        /// From bit 0 up, separated by spaces: `-` for a bit without a name, `a+b` for one with two, `*n` for n bits without.
        let names: String

        init(_ leaf: UInt32, _ subleaf: UInt32, _ register: CPUIDRegister, _ names: String) {
            self.leaf = leaf
            self.subleaf = subleaf
            self.register = register
            self.names = names
        }

        /// Each name with its bit.
        var bits: [(bit: UInt32, name: String)] {
            var bit: UInt32 = 0
            var result: [(UInt32, String)] = []
            for word in names.split(at: " ") {
                if word.begins(with: "*") {
                    bit += UInt32(word.dropFirst()) ?? 0
                    continue
                }
                if word != "-" { result += word.split(at: "+").map { (bit, String($0)) } }
                bit += 1
            }
            return result
        }
    }

    /// A name may be in several registers: makers have put the same feature in different places.
    static let registers: [Register] = [
        Register(
            1, 0, .edx,
            "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 pbe"),
        Register(
            1, 0, .ecx,
            """
            pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 sse4_2 x2apic movbe popcnt \
            tsc_deadline_timer aes xsave - avx f16c rdrand hypervisor
            """),
        Register(
            7, 0, .ebx,
            """
            fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f avx512dq rdseed adx smap avx512ifma - \
            clflushopt clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw avx512vl
            """),
        Register(
            7, 0, .ecx,
            """
            - avx512vbmi umip pku ospke waitpkg avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni avx512_bitalg tme avx512_vpopcntdq - la57 *5 rdpid - \
            bus_lock_detect cldemote - movdiri movdir64b enqcmd sgx_lc -
            """),
        Register(
            7, 0, .edx,
            """
            *2 avx512_4vnniw avx512_4fmaps fsrm *3 avx512_vp2intersect - md_clear *3 serialize - tsxldtrk - pconfig arch_lbr ibt - amx_bf16 \
            avx512_fp16 amx_tile amx_int8 ibrs+ibpb stibp flush_l1d arch_capabilities - ssbd
            """),
        Register(7, 1, .eax, "*4 avx_vnni avx512_bf16 lass *10 fred *8 lam *5"),
        Register(6, 0, .eax, "dtherm ida arat - pln - pts hwp hwp_notify hwp_act_window hwp_epp hwp_pkg_req *7 hfi"),
        Register(0xd, 1, .eax, "xsaveopt xsavec xgetbv1 xsaves"),
        Register(0x8000_0001, 0, .edx, "*11 syscall *7 mp nx - mmxext *2 fxsr_opt pdpe1gb rdtscp - lm 3dnowext 3dnow"),
        Register(
            0x8000_0001, 0, .ecx,
            """
            lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 tce - nodeid_msr - tbm \
            topoext perfctr_core perfctr_nb - bpext ptsc perfctr_llc mwaitx *2
            """),
        Register(0x8000_0007, 0, .ebx, "overflow_recov succor - smca"),
        Register(0x8000_0007, 0, .edx, "*7 hw_pstate nonstop_tsc cpb - proc_feedback"),
        Register(
            0x8000_0008, 0, .ebx, "clzero irperf xsaveerptr - rdpru *4 wbnoinvd *2 ibpb - ibrs stibp *7 amd_ppin ssbd virt_ssbd - cppc *3 brs"),
        Register(
            0x8000_000a, 0, .edx,
            "npt lbrv svm_lock nrip_save tsc_scale vmcb_clean flushbyasid decodeassists *2 pausefilter - pfthreshold avic - v_vmsave_vmload vgif - x2avic - v_spec_ctrl *4 vnmi"
        ),
        Register(0x8000_001f, 0, .eax, "sme sev - sev_es sev_snp"),
    ]

    /// Every name once, in the order of the registers.
    package static let all: [String] = {
        var seen: Set<String> = []
        return registers.flatMap(\.bits).map(\.name).filter { seen.insert($0).inserted }
    }()

    /// The features that are set in a table.
    package static func set(in table: CPUIDTable) -> Set<String> {
        Set(
            registers.flatMap { register in
                register.bits.filter { table.hasBit($0.bit, of: register.register, leaf: register.leaf, subleaf: register.subleaf) }.map(\.name)
            })
    }
}

import HostSystem

/// CPUID as it was recorded, leaf by leaf (`leaf.sub-leaf EAX EBX ECX EDX`), without leaves of zeros.
enum RecordedProcessors {
    /// A server processor of the Zen 2 family.
    static let host = table(
        """
        0.0 00000010 68747541 444d4163 69746e65
        1.0 00830f10 01020800 fff83203 178bfbff
        6.0 00000004 00000000 00000000 00000000
        7.0 00000000 219c01ab 00400004 88000000
        b.0 00000000 00000001 00000100 00000001
        b.1 00000005 00000002 00000201 00000001
        b.2 00000000 00000000 00000002 00000001
        d.0 00000007 00000340 00000340 00000000
        d.1 0000000f 00000340 00000000 00000000
        d.2 00000100 00000240 00000000 00000000
        40000000.0 40000001 4b4d564b 564b4d56 0000004d
        40000001.0 01007efb 00000000 00000000 00000000
        80000000.0 80000021 68747541 444d4163 69746e65
        80000001.0 00830f10 40000000 004003f3 2fd3fbff
        80000002.0 20444d41 43595045 00000000 00000000
        80000005.0 ff40ff40 ff40ff40 20080140 20080140
        80000006.0 48006400 68006400 02006140 08009140
        80000007.0 00000000 00000000 00000000 00000100
        80000008.0 00303030 0308d205 00007001 00000000
        80000019.0 f040f040 00000000 00000000 00000000
        8000001a.0 00000006 00000000 00000000 00000000
        8000001d.0 00000121 01c0003f 0000003f 00000000
        8000001d.1 00000122 01c0003f 0000003f 00000000
        8000001d.2 00000143 01c0003f 000003ff 00000002
        8000001d.3 00004163 03c0003f 00003fff 00000001
        8000001e.0 00000001 00000001 00000000 00000000
        80000021.0 10000244 00000000 00000086 00000000
        """)

    /// What /proc/cpuinfo said of it.
    static let hostFlags =
        """
        fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht syscall nx mmxext fxsr_opt pdpe1gb \
        rdtscp lm constant_tsc rep_good nopl xtopology nonstop_tsc cpuid extd_apicid tsc_known_freq pni pclmulqdq ssse3 fma cx16 sse4_1 sse4_2 \
        x2apic movbe popcnt tsc_deadline_timer aes xsave avx f16c rdrand hypervisor lahf_lm cmp_legacy cr8_legacy abm sse4a misalignsse \
        3dnowprefetch osvw topoext ssbd ibrs ibpb stibp vmmcall fsgsbase tsc_adjust bmi1 avx2 smep bmi2 rdseed adx smap clflushopt clwb sha_ni \
        xsaveopt xsavec xgetbv1 clzero xsaveerptr wbnoinvd arat umip rdpid
        """

    /// A guest of QEMU 10.0 under TCG, `-cpu max`.
    static let emulated = table(
        """
        0.0 0000000d 68747541 444d4163 69746e65
        1.0 00000663 00000800 fef8320b 0fcbfbfd
        5.0 00000000 00000000 00000003 00000000
        6.0 00000004 00000000 00000000 00000000
        7.0 00000001 219c43a9 8041021c 00000010
        7.1 00001c80 00000000 00000000 00000000
        b.0 00000000 00000001 00000100 00000000
        b.1 00000000 00000001 00000201 00000000
        b.2 00000000 00000000 00000002 00000000
        d.0 0000021f 00000a88 00000a88 00000000
        d.1 00000005 000003c8 00000000 00000000
        d.2 00000100 00000240 00000000 00000000
        d.3 00000040 000003c0 00000000 00000000
        d.4 00000040 00000400 00000000 00000000
        d.9 00000008 00000a80 00000000 00000000
        40000000.0 40000001 54474354 43544743 47435447
        80000000.0 8000000a 68747541 444d4163 69746e65
        80000001.0 00000663 00000000 00000177 edd3fbfd
        80000002.0 554d4551 47435420 55504320 72657620
        80000003.0 6e6f6973 352e3220 0000002b 00000000
        80000005.0 01ff01ff 01ff01ff 40020140 40020140
        80000006.0 00000000 42004200 02008140 00808140
        80000008.0 00003928 00000204 00000000 00000000
        8000000a.0 00000001 00000010 00000000 10010001
        """)

    /// What /proc/cpuinfo said in it.
    static let emulatedFlags =
        """
        fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush acpi mmx fxsr sse sse2 ss syscall nx mmxext pdpe1gb rdtscp lm \
        3dnowext 3dnow nopl xtopology cpuid pni pclmulqdq monitor ssse3 fma cx16 sse4_1 sse4_2 x2apic movbe popcnt aes xsave avx f16c rdrand \
        hypervisor lahf_lm cmp_legacy svm cr8_legacy abm sse4a 3dnowprefetch vmmcall fsgsbase bmi1 avx2 smep bmi2 erms mpx rdseed adx smap \
        clflushopt clwb sha_ni xsaveopt xgetbv1 xsaveerptr wbnoinvd arat npt vgif umip pku ospke vaes la57 rdpid fsrm
        """

    /// The host's processor as KVM hands it to a guest with `-cpu host`.
    static let guest = changing(host) { _ in }

    static func table(_ text: String) -> CPUIDTable {
        var answers: [CPUIDQuestion: CPUIDRegisters] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "." }.compactMap { UInt32($0, radix: 16) }
            answers[CPUIDQuestion(words[0], words[1])] = CPUIDRegisters(eax: words[2], ebx: words[3], ecx: words[4], edx: words[5])
        }
        return CPUIDTable(answers)
    }

    static func changing(_ table: CPUIDTable, _ change: (inout [CPUIDQuestion: CPUIDRegisters]) -> Void) -> CPUIDTable {
        var answers = table.answers
        change(&answers)
        return CPUIDTable(answers)
    }

    /// The table without these features.
    static func masking(_ table: CPUIDTable, ecx bit: UInt32, leaf: UInt32) -> CPUIDTable {
        changing(table) { $0[CPUIDQuestion(leaf)]?.ecx &= ~(1 << bit) }
    }
}

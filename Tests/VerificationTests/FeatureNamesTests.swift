import HostSystem
import SystemPackage
import Testing

@testable import Verification

@Suite("Names of processor features")
struct FeatureNamesTests {
    @Test("No register has more than 32 bits, and well-known features are where their makers put them")
    func places() {
        var places: [String: [String]] = [:]
        for register in FeatureNames.registers {
            for (bit, name) in register.bits {
                #expect(bit < 32, "\(name)")
                places[name, default: []].append("\(String(register.leaf, radix: 16)).\(register.subleaf) \(register.register) \(bit)")
            }
        }
        let known = [
            "pbe": "1.0 edx 31", "sse2": "1.0 edx 26", "aes": "1.0 ecx 25", "hypervisor": "1.0 ecx 31", "pcid": "1.0 ecx 17", "avx2": "7.0 ebx 5",
            "avx512vl": "7.0 ebx 31", "sha_ni": "7.0 ebx 29", "vaes": "7.0 ecx 9", "vpclmulqdq": "7.0 ecx 10", "la57": "7.0 ecx 16",
            "rdpid": "7.0 ecx 22", "movdir64b": "7.0 ecx 28", "fsrm": "7.0 edx 4", "serialize": "7.0 edx 14", "arch_capabilities": "7.0 edx 29",
            "avx512_bf16": "7.1 eax 5", "lam": "7.1 eax 26", "hfi": "6.0 eax 19", "arat": "6.0 eax 2", "lm": "80000001.0 edx 29",
            "pdpe1gb": "80000001.0 edx 26", "topoext": "80000001.0 ecx 22", "mwaitx": "80000001.0 ecx 29", "nonstop_tsc": "80000007.0 edx 8",
            "wbnoinvd": "80000008.0 ebx 9", "cppc": "80000008.0 ebx 27", "vgif": "8000000a.0 edx 16", "vnmi": "8000000a.0 edx 25",
            "xsaves": "d.1 eax 3",
        ]
        for (name, place) in known { #expect(places[name]?.contains(place) == true, "\(name): \(places[name] ?? [])") }
        #expect(Set(FeatureNames.all).count == FeatureNames.all.count)
    }

    static let recorded = [
        (RecordedProcessors.host, RecordedProcessors.hostFlags), (RecordedProcessors.emulated, RecordedProcessors.emulatedFlags),
    ]

    @Test("What a kernel printed of a processor is what its CPUID shows, as far as the names go", arguments: recorded.indices)
    func recordedFlags(index: Int) {
        let (table, flags) = Self.recorded[index]
        let printed = Set(flags.split(separator: " ").map(String.init))
        let shown = FeatureNames.set(in: table)
        #expect(printed.intersection(FeatureNames.all).subtracting(shown) == [])
        // A kernel hides what it does not use or does not know yet; it never hides much.
        #expect(shown.subtracting(printed).isSubset(of: ["virt_ssbd", "xsaves"]))
    }

    @Test("Everything that this host's kernel prints, and that has a name here, is in its CPUID")
    func thisHost() throws {
        let line = try #require(try Files.readText("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("flags") })
        let printed = Set(line.drop { $0 != ":" }.dropFirst().split(separator: " ").map(String.init))
        let shown = FeatureNames.set(in: HostCPU.leaves())
        #expect(printed.intersection(FeatureNames.all).subtracting(shown) == [])
        #expect(shown.count > 40)
    }

    @Test("What is left to the host and what databases use are names that exist, and do not overlap")
    func lists() {
        let names = Set(FeatureNames.all)
        #expect(FeatureCheck.ofTheHostAlone.subtracting(names) == [])
        #expect(FeatureCheck.important.subtracting(names) == [])
        #expect(FeatureCheck.important.isDisjoint(with: FeatureCheck.ofTheHostAlone))
    }
}

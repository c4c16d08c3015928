import ApplianceModel
import Basics
import Foundation
import HostSystem
import Testing

@testable import Reports
@testable import Verification

@Suite("Checks of the guest's processor")
struct ProcessorChecksTests {
    private static func findings(
        guest: CPUIDTable?, host: CPUIDTable? = RecordedProcessors.host, kvm: CPUIDTable? = RecordedProcessors.host,
        accelerator: Accelerator = .kvm
    ) -> [String: Finding] {
        let seen = ProcessorObservation(host: host, kvm: kvm, microGuest: host, guest: guest)
        return Dictionary(uniqueKeysWithValues: ProcessorChecks.findings(seen, accelerator).map { ($0.check, $0) })
    }

    @Test("A guest with the host's processor passes; of wide AES there is none to look for")
    func well() {
        let findings = Self.findings(guest: RecordedProcessors.guest)
        #expect(findings.filter { $0.value.level != .pass }.map(\.key) == ["cpu.vaes"])
        #expect(findings["cpu.vaes"]?.level == .skip)
        #expect(findings["cpu.identity"]?.measured == "AuthenticAMD family 23 model 49 stepping 0, under KVMKVMKVM")
        #expect(findings.values.filter { $0.level == .pass }.allSatisfy { $0.remedy == nil })
    }

    @Test("A guest that could not execute CPUID fails in every check that needs it")
    func unexecuted() {
        let findings = Self.findings(guest: nil)
        #expect(findings.count == 4)
        #expect(findings.values.allSatisfy { $0.level == .fail && $0.remedy != nil })
    }

    @Test("An empty answer passes nothing")
    func empty() {
        #expect(Self.findings(guest: CPUIDTable([:])).values.filter { $0.level == .pass }.isEmpty)
    }

    @Test("Masked AES-NI fails, and is named among what is missing")
    func maskedAES() {
        let findings = Self.findings(guest: RecordedProcessors.masking(RecordedProcessors.guest, ecx: 25, leaf: 1))
        #expect(findings["cpu.aes"]?.level == .fail)
        #expect(findings["cpu.aes"]?.measured.contains("AES-NI missing") == true)
        #expect(findings["cpu.features"]?.level == .warn)
        #expect(findings["cpu.features"]?.measured.contains("missing: aes") == true)
    }

    @Test("AES-NI under emulation passes, and is said to be emulated; the rest has nothing to compare")
    func emulated() {
        let findings = Self.findings(guest: RecordedProcessors.emulated, accelerator: .tcg)
        #expect(findings["cpu.aes"]?.level == .pass)
        #expect(findings["cpu.aes"]?.measured.contains("emulated by TCG") == true)
        #expect(findings["cpu.vaes"]?.measured == "vaes in the guest (emulated by TCG: no hardware speed)")
        #expect(findings["cpu.identity"]?.level == .skip)
        #expect(findings["cpu.identity"]?.measured == "AuthenticAMD family 6 model 6 stepping 3, under TCGTCGTCGTCG")
        #expect(findings["cpu.features"]?.level == .skip)
        let masked = RecordedProcessors.masking(RecordedProcessors.emulated, ecx: 25, leaf: 1)
        #expect(Self.findings(guest: masked, accelerator: .tcg)["cpu.aes"]?.level == .fail)
    }

    @Test("An emulated guest that is said to run under KVM fails, and the other way round")
    func otherAccelerator() {
        #expect(Self.findings(guest: RecordedProcessors.emulated)["cpu.identity"]?.level == .fail)
        #expect(Self.findings(guest: RecordedProcessors.guest, accelerator: .tcg)["cpu.identity"]?.level == .fail)
        let hidden = RecordedProcessors.masking(RecordedProcessors.guest, ecx: 31, leaf: 1)
        #expect(Self.findings(guest: hidden)["cpu.identity"]?.level == .fail)
    }

    @Test("Another model, stepping or vendor than the host's fails", arguments: [0x0083_0f11, 0x0080_0f10, 0x00a0_0f10] as [UInt32])
    func otherModel(version: UInt32) {
        let other = RecordedProcessors.changing(RecordedProcessors.guest) { $0[CPUIDQuestion(1)]?.eax = version }
        #expect(Self.findings(guest: other)["cpu.identity"]?.level == .fail)
        let vendor = RecordedProcessors.changing(RecordedProcessors.guest) { $0[CPUIDQuestion(0)]?.ebx = 0x756e_6547 }
        #expect(Self.findings(guest: vendor)["cpu.identity"]?.level == .fail)
    }

    @Test("Wide AES that the host has and the guest lacks is a warning that names it")
    func wideAES() {
        let host = RecordedProcessors.changing(RecordedProcessors.host) { $0[CPUIDQuestion(7)]?.ecx |= 1 << 9 | 1 << 10 }
        let vaes = Self.findings(guest: RecordedProcessors.guest, host: host)["cpu.vaes"]
        #expect(vaes?.level == .warn)
        #expect(vaes?.measured == "neither VAES nor VPCLMULQDQ in the guest; the host has vaes, vpclmulqdq")
        #expect(Self.findings(guest: host, host: host)["cpu.vaes"]?.level == .pass)
        let half = RecordedProcessors.masking(host, ecx: 10, leaf: 7)
        #expect(Self.findings(guest: half, host: host)["cpu.vaes"]?.level == .warn)
    }

    @Test("A missing feature warns when KVM offers it, or when databases use it; power management and the like do not")
    func features() {
        let guest = RecordedProcessors.changing(RecordedProcessors.guest) {
            // clwb; nonstop_tsc; ht.
            $0[CPUIDQuestion(7)]?.ebx &= ~(1 << 24)
            $0[CPUIDQuestion(0x8000_0007)]?.edx = 0
            $0[CPUIDQuestion(1)]?.edx &= ~(1 << 28)
        }
        let warned = Self.findings(guest: guest)["cpu.features"]
        #expect(warned?.level == .warn)
        #expect(warned?.measured.contains("; missing: clwb; not for a guest: ht nonstop_tsc") == true, "\(warned?.measured ?? "")")
        let withoutOffer = RecordedProcessors.changing(RecordedProcessors.host) { $0[CPUIDQuestion(7)]?.ebx &= ~(1 << 24) }
        #expect(Self.findings(guest: guest, kvm: withoutOffer)["cpu.features"]?.level == .pass)
        #expect(Self.findings(guest: guest, kvm: nil)["cpu.features"]?.level == .warn)
        // AVX2, which this KVM does not offer either.
        let narrow = RecordedProcessors.changing(RecordedProcessors.guest) { $0[CPUIDQuestion(7)]?.ebx &= ~(1 << 5) }
        #expect(Self.findings(guest: narrow, kvm: narrow)["cpu.features"]?.level == .warn)
    }

    @Test("Where the guest's host is not this one, what needs it is left out and says why")
    func elsewhere() {
        let findings = Self.findings(guest: RecordedProcessors.guest, host: nil, kvm: nil)
        #expect(findings["cpu.aes"]?.level == .pass)
        for check in ["cpu.identity", "cpu.features", "cpu.vaes"] {
            #expect(findings[check]?.level == .skip)
            #expect(findings[check]?.remedy?.contains("not known here") == true)
        }
    }

    @Test("The comparison has a column for each observer, nil where one cannot say, and no rows of zeros")
    func comparison() throws {
        let seen = ProcessorObservation(
            host: RecordedProcessors.host, kvm: nil, microGuest: CPUIDTable([CPUIDQuestion(1): CPUIDRegisters(eax: 1, ecx: 1 << 25)]),
            guest: RecordedProcessors.emulated)
        let comparison = seen.comparison
        #expect(comparison.observers == ["host", "KVM", "micro-guest", "guest"])
        let one = try #require(comparison.leaves.first { $0.leaf == 1 })
        #expect(one.registers == [[0x0083_0f10, 0x0102_0800, 0xfff8_3203, 0x178b_fbff], nil, [1, 0, 1 << 25, 0], [0x663, 0x800, 0xfef8_320b, 0x0fcb_fbfd]])
        #expect(comparison.leaves.allSatisfy { $0.registers.contains { $0?.contains { $0 != 0 } == true } })
        #expect(comparison.flags.first { $0.name == "aes" }?.isSet == [true, nil, true, true])
        #expect(comparison.flags.first { $0.name == "vaes" }?.isSet == [false, nil, false, true])
        #expect(comparison.flags.first { $0.name == "avx512f" } == nil)
        #expect(ProcessorObservation().comparison.leaves.isEmpty)
        var measurements = Measurements()
        measurements.processor = comparison
        #expect(try JSONDecoder().decode(Measurements.self, from: JSONEncoder().encode(measurements)) == measurements)
    }
}

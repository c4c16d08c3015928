import ApplianceModel
import Basics
import HostSystem
import Testing

@Suite("The choice of the accelerator")
struct AcceleratorDecisionTests {
    private static let intel = cpu()
    private static let plain = cpu(virtualization: nil)
    private static let guest = cpu(virtualization: nil, runsUnderHypervisor: true)
    private static let unusable: [KVMVerdict] = [
        .deviceMissing, .moduleMissing, .permissionDenied, .permissionDeniedToServices(userID: 1002), .unusable(reason: "it is broken"),
    ]

    private static func cpu(
        vendor: String = "GenuineIntel", virtualization: VirtualizationExtension? = .vtx, hasAES: Bool = true, runsUnderHypervisor: Bool = false
    ) -> HostCPU {
        HostCPU(
            vendor: vendor, model: "", virtualization: virtualization, hasAES: hasAES, runsUnderHypervisor: runsUnderHypervisor, logicalCPUs: 2)
    }

    @Test("Auto and kvm take a KVM that passed, without a warning", arguments: [AcceleratorChoice.auto, .kvm])
    func usable(choice: AcceleratorChoice) throws {
        let decision = try AcceleratorDecision.decide(choice, verdict: .usable(aes: true), cpu: Self.intel)
        #expect(decision.accelerator == .kvm)
        #expect(decision.finding.check == "host.kvm")
        #expect(decision.finding.level == .pass)
        #expect(decision.finding.remedy == nil)
    }

    @Test("KVM without AES-NI is taken with a warning that names it", arguments: [AcceleratorChoice.auto, .kvm])
    func noAES(choice: AcceleratorChoice) throws {
        let decision = try AcceleratorDecision.decide(choice, verdict: .usable(aes: false), cpu: Self.intel)
        #expect(decision.accelerator == .kvm)
        #expect(decision.finding.level == .warn)
        #expect(decision.finding.measured.contains("AES-NI is missing"))
        #expect(decision.finding.remedy != nil)
    }

    @Test("Auto falls back to emulation and is honest about speed and isolation", arguments: unusable)
    func fallback(verdict: KVMVerdict) throws {
        let decision = try AcceleratorDecision.decide(.auto, verdict: verdict, cpu: Self.intel)
        #expect(decision.accelerator == .tcg)
        #expect(decision.finding.level == .warn)
        #expect(decision.finding.measured.contains("many times slower"))
        #expect(decision.finding.measured.contains("no isolation"))
        #expect(decision.finding.remedy?.isEmpty == false)
    }

    @Test("Asking for kvm where it cannot run is an error with reason, remedy and the way out", arguments: unusable)
    func kvmDemanded(verdict: KVMVerdict) throws {
        let failure = try #require(throws: Failure.self) {
            try AcceleratorDecision.decide(.kvm, verdict: verdict, cpu: Self.intel)
        }
        #expect(failure.code == .kvmUnusable)
        #expect(failure.code.rawValue == "host.kvm-unusable")
        #expect(failure.remedy?.hasSuffix("or pass '--accelerator tcg'") == true)
        let warning = try AcceleratorDecision.decide(.auto, verdict: verdict, cpu: Self.intel).finding.measured
        #expect(warning.hasSuffix(failure.message.replacing("KVM cannot run the guest: ", with: "")))
    }

    @Test("Asking for tcg takes it, with the same warning", arguments: unusable + [.usable(aes: true)])
    func tcgDemanded(verdict: KVMVerdict) throws {
        let decision = try AcceleratorDecision.decide(.tcg, verdict: verdict, cpu: Self.intel)
        #expect(decision.accelerator == .tcg)
        #expect(decision.finding.level == .warn)
        #expect(decision.finding.measured.contains("many times slower"))
        #expect(decision.finding.measured.contains("no isolation"))
        #expect(decision.finding.measured.contains("it was asked for"))
    }

    @Test(
        "Each cause has the remedy that helps against it",
        arguments: [
            (.deviceMissing, intel, "modprobe kvm_intel"),
            (.moduleMissing, intel, "modprobe kvm_intel"),
            (.deviceMissing, cpu(vendor: "AuthenticAMD", virtualization: .amdv), "modprobe kvm_amd"),
            (.deviceMissing, plain, "switch on Intel VT-x in the firmware setup"),
            (.deviceMissing, cpu(vendor: "AuthenticAMD", virtualization: nil), "switch on AMD-V (SVM) in the firmware setup"),
            (.deviceMissing, guest, "nested virtualization"),
            (.permissionDenied, intel, "usermod -aG kvm $USER"),
            (.permissionDeniedToServices(userID: 1002), intel, "sudo systemctl restart user@1002.service"),
            (.unusable(reason: "it is broken"), guest, "nested virtualization"),
            (.unusable(reason: "it is broken"), intel, "dmesg"),
        ] as [(KVMVerdict, HostCPU, String)])
    func remedies(verdict: KVMVerdict, cpu: HostCPU, remedy: String) throws {
        let finding = try AcceleratorDecision.decide(.auto, verdict: verdict, cpu: cpu).finding
        #expect(finding.remedy?.contains(remedy) == true, "\(finding.remedy ?? "none")")
    }

    @Test("What the micro-guest found is in the finding")
    func reason() throws {
        let finding = try AcceleratorDecision.decide(.auto, verdict: .unusable(reason: "it is broken"), cpu: Self.guest).finding
        #expect(finding.measured.hasSuffix("/dev/kvm is there, but it is broken"))
    }
}

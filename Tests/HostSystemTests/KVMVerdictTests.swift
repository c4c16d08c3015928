import Foundation
import HostSystem
import Testing

@Suite("The verdict on KVM")
struct KVMVerdictTests {
    private typealias Report = KVMProbeReport

    /// What a good KVM leaves.
    private static func good(aes: Bool = true) -> KVMProbeReport {
        var report = KVMProbeReport(stage: .run)
        report.apiVersion = 12
        report.supportsAES = aes
        report.ending = .halted
        report.answers.cpuid = CPUIDRegisters(eax: 0x800f12, ecx: aes ? 1 << 25 : 0)
        if aes {
            report.answers.kernelAES = "a49c7ff2689f352b6b5bea43026a5049"
            report.answers.userAES = "aa8f5f0361dde3ef82d24ad26832469a"
        }
        report.answers.userSelectors = [0x23, 0x1b]
        report.answers.kernelSelectors = [0x08, 0x10]
        return report
    }

    @Test("Every answer right and a halt is a usable KVM", arguments: [true, false])
    func usable(aes: Bool) {
        #expect(Self.good(aes: aes).verdict == .usable(aes: aes))
    }

    @Test("AES is decided by what the guest executed, not by what KVM says that it supports")
    func supportedIsNotExecuted() {
        var report = Self.good(aes: true)
        report.supportsAES = false
        #expect(report.verdict == .usable(aes: true))
        report = Self.good(aes: false)
        report.supportsAES = true
        #expect(report.verdict == .usable(aes: false))
    }

    @Test(
        "An error number means what its stage makes of it",
        arguments: [
            (.openDevice, ENOENT, .deviceMissing),
            (.openDevice, ENXIO, .moduleMissing),
            (.openDevice, ENODEV, .moduleMissing),
            (.openDevice, EACCES, .permissionDenied),
            (.openDevice, EPERM, .permissionDenied),
            (.openDevice, EMFILE, .unusable(reason: "cannot open the device: Too many open files")),
            (.apiVersion, ENOTTY, .unusable(reason: "the device is not KVM's")),
            (.createMachine, EBUSY, .unusable(reason: "another hypervisor holds the processor's virtualization extension")),
            (.createMachine, ENOMEM, .unusable(reason: "cannot create a virtual machine: Cannot allocate memory")),
            (.createVCPU, ENODEV, .unusable(reason: "cannot create a vCPU: No such device")),
            (.registers, EINVAL, .unusable(reason: "cannot set its registers: Invalid argument")),
            (.run, EFAULT, .unusable(reason: "cannot run it: Bad address")),
        ] as [(KVMProbeReport.Stage, Int32, KVMVerdict)])
    func errors(stage: KVMProbeReport.Stage, number: Int32, verdict: KVMVerdict) {
        #expect(KVMProbeReport(stage: stage, errorNumber: number).verdict == verdict)
    }

    @Test(
        "A guest that ends in any other way than by its halt does not make KVM usable, whatever it answered before",
        arguments: [
            (.shutdown, "the test guest died of a fault"),
            (.internalError(suberror: 1), "KVM cannot execute an instruction of the test guest"),
            (.internalError(suberror: 3), "KVM failed with internal error 3"),
            (.entryRefused(reason: 0x8000_0021), "the processor refused to enter the test guest (reason 2147483681)"),
            (.timedOut, "the test guest did not end within its time limit"),
            (.strayWrite, "the test guest went astray"),
            (.exit(reason: 6), "the test guest ended with KVM exit 6"),
        ] as [(KVMProbeReport.Ending, String)])
    func endings(ending: KVMProbeReport.Ending, reason: String) {
        var report = Self.good()
        report.ending = ending
        #expect(report.verdict == .unusable(reason: reason))
    }

    @Test("A paravirtual KVM that runs CPUID and not AESENC is unusable, and the reason says where it stopped")
    func paravirtual() {
        var report = KVMProbeReport(stage: .run)
        report.apiVersion = 12
        report.supportsAES = false
        report.ending = .internalError(suberror: 1)
        report.answers.cpuid = CPUIDRegisters(ecx: 0xf7f8_3203)
        #expect(report.verdict == .unusable(reason: "KVM cannot execute an instruction of the test guest at AESENC in kernel mode"))
    }

    @Test("The reason says how far the guest came")
    func progress() {
        var report = KVMProbeReport(stage: .run)
        report.apiVersion = 12
        report.ending = .timedOut
        func expect(_ progress: String) {
            #expect(report.verdict == .unusable(reason: "the test guest did not end within its time limit \(progress)"))
        }
        expect("before CPUID")
        report.answers.cpuid = CPUIDRegisters()
        expect("on its way to user mode")
        report.answers.userSelectors = [0x23, 0x1b]
        expect("on its way back from user mode")
    }

    @Test("A wrong or missing answer is not passed over", arguments: 0..<9)
    func wrongAnswers(index: Int) {
        var report = Self.good()
        let changes: [(inout KVMProbeReport.Answers) -> Void] = [
            { $0.cpuid = nil },
            { $0.kernelAES = "a49c7ff2689f352b6b5bea43026a5048" },
            { $0.kernelAES = nil },
            // The result of ring 0 once more.
            { $0.userAES = $0.kernelAES },
            { $0.userAES = nil },
            // Ring 3 was ring 0 all the time.
            { $0.userSelectors = [0x08, 0x10] },
            { $0.kernelSelectors = [0x0b, 0x13] },
            { $0.kernelSelectors = nil },
            // AES answers from a processor that says that it has none.
            { $0.cpuid = CPUIDRegisters() },
        ]
        changes[index](&report.answers)
        guard case .unusable = report.verdict else {
            Issue.record("change \(index) went unnoticed: \(report.verdict)")
            return
        }
    }

    @Test("An unknown API version and a guest that never ran are unusable")
    func neverRan() {
        var report = KVMProbeReport(stage: .apiVersion)
        report.apiVersion = 11
        #expect(report.verdict == .unusable(reason: "KVM speaks API version 11, not 12"))
        #expect(KVMProbeReport(stage: .run).verdict == .unusable(reason: "the test guest never ran"))
    }

    @Test("Verdict and report survive being written down")
    func codable() throws {
        let report = Self.good()
        #expect(try JSONDecoder().decode(KVMProbeReport.self, from: JSONEncoder().encode(report)) == report)
        for verdict in [KVMVerdict.usable(aes: true), .deviceMissing, .unusable(reason: "x")] {
            #expect(try JSONDecoder().decode(KVMVerdict.self, from: JSONEncoder().encode(verdict)) == verdict)
        }
    }
}

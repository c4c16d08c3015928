internal import SystemPackage

/// Whether a Linux guest can run on this KVM.
package enum KVMVerdict: Sendable, Equatable, Codable {
    /// A Linux guest can run.
    /// - Parameter aes: whether its CPUID shows AES-NI and AESENC computes correctly.
    case usable(aes: Bool)
    /// The device does not exist.
    case deviceMissing
    /// The device node exists, but no kernel module is behind it.
    case moduleMissing
    case permissionDenied
    /// This process may open it, but the services of its user, of which QEMU will be one, may not.
    case permissionDeniedToServices(userID: UInt32)
    /// The device can be opened, but Linux would not run.
    case unusable(reason: String)
}

extension KVMVerdict {
    /// - Parameter error: why the device cannot be opened.
    init(opening error: Errno) {
        switch error {
        case .noSuchFileOrDirectory: self = .deviceMissing
        case .noSuchAddressOrDevice, .operationNotSupportedByDevice: self = .moduleMissing
        case .permissionDenied, .notPermitted: self = .permissionDenied
        default: self = .unusable(reason: "cannot \(KVMProbeReport.Stage.openDevice.rawValue): \(error)")
        }
    }
}

extension KVMProbeReport {
    /// What the micro-guest's actions mean.
    package var verdict: KVMVerdict {
        if let errorNumber { return judge(Errno(rawValue: errorNumber)) }
        if let apiVersion, apiVersion != 12 { return .unusable(reason: "KVM speaks API version \(apiVersion), not 12") }
        switch ending {
        case .halted: return judgeAnswers()
        case .shutdown: return .unusable(reason: "the test guest died of a fault\(progress)")
        case .internalError(1): return .unusable(reason: "KVM cannot execute an instruction of the test guest\(progress)")
        case .internalError(let suberror): return .unusable(reason: "KVM failed with internal error \(suberror)\(progress)")
        case .entryRefused(let reason): return .unusable(reason: "the processor refused to enter the test guest (reason \(reason))")
        case .timedOut: return .unusable(reason: "the test guest did not end within its time limit\(progress)")
        case .strayWrite: return .unusable(reason: "the test guest went astray\(progress)")
        case .exit(let reason): return .unusable(reason: "the test guest ended with KVM exit \(reason)\(progress)")
        case nil: return .unusable(reason: "the test guest never ran")
        }
    }

    private func judge(_ error: Errno) -> KVMVerdict {
        switch (stage, error) {
        case (.openDevice, _): KVMVerdict(opening: error)
        case (.apiVersion, .inappropriateIOCTLForDevice): .unusable(reason: "the device is not KVM's")
        case (.createMachine, .resourceBusy): .unusable(reason: "another hypervisor holds the processor's virtualization extension")
        default: .unusable(reason: "cannot \(stage.rawValue): \(error)")
        }
    }

    private func judgeAnswers() -> KVMVerdict {
        guard let cpuid = answers.cpuid else { return .unusable(reason: "the test guest halted before it executed CPUID") }
        guard answers.userSelectors == [0x23, 0x1b], answers.kernelSelectors == [0x08, 0x10] else {
            return .unusable(reason: "SYSRET and SYSCALL do not change between kernel and user mode as they should")
        }
        // The states after rounds 1 and 2 of the example in FIPS-197, appendix B.
        let known: [String?] = ["a49c7ff2689f352b6b5bea43026a5049", "aa8f5f0361dde3ef82d24ad26832469a"]
        guard [answers.kernelAES, answers.userAES] == (cpuid.hasAES ? known : [nil, nil]) else {
            return .unusable(reason: "AESENC computes wrongly in the test guest")
        }
        return .usable(aes: cpuid.hasAES)
    }

    /// How far the guest got, as the end of a sentence.
    private var progress: String {
        if answers.kernelSelectors != nil { return "" }
        if answers.userAES != nil || answers.userSelectors != nil { return " on its way back from user mode" }
        guard let cpuid = answers.cpuid else { return " before CPUID" }
        if cpuid.hasAES && answers.kernelAES == nil { return " at AESENC in kernel mode" }
        return " on its way to user mode"
    }
}

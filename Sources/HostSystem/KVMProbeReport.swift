internal import ApplianceModel
internal import Basics
internal import CKVM
internal import SystemPackage

/// What the micro-guest did, before any evaluation.
package struct KVMProbeReport: Sendable, Equatable, Codable {
    /// The steps of the probe, in order.
    package enum Stage: String, Sendable, Codable, CaseIterable {
        case openDevice = "open the device"
        case apiVersion = "ask for the API version"
        case supportedCPUID = "ask for the supported CPUID"
        case createMachine = "create a virtual machine"
        case memory = "give it memory"
        case createVCPU = "create a vCPU"
        case registers = "set its registers"
        case timeLimit = "limit its time"
        case run = "run it"
    }

    /// Why the guest no longer runs.
    package enum Ending: Sendable, Equatable, Codable {
        /// It halted, as it should.
        case halted
        /// A fault that could not be delivered.
        case shutdown
        /// KVM gave up: 1 is an instruction that it cannot emulate.
        case internalError(suberror: UInt64)
        /// The processor refused to enter the guest.
        case entryRefused(reason: UInt64)
        /// It reached the time limit.
        case timedOut
        /// It wrote to a port out of sequence.
        case strayWrite
        /// Any other `KVM_EXIT_` reason.
        case exit(reason: UInt32)
    }

    /// What the guest sent through its ports; nil for a value that it did not send.
    package struct Answers: Sendable, Equatable, Codable {
        /// Leaf 1 as the guest executed it.
        package var cpuid: CPUIDRegisters?
        /// The result of AESENC in ring 0 and in ring 3, in hexadecimal as FIPS-197 prints it.
        package var kernelAES: String?
        package var userAES: String?
        /// CS and SS in ring 3, and in ring 0 after SYSCALL.
        package var userSelectors: [UInt32]?
        package var kernelSelectors: [UInt32]?

        package init() {}
    }

    /// The last stage that began.
    package var stage: Stage
    /// The error number of the system call that failed in `stage`.
    package var errorNumber: Int32?
    package var apiVersion: Int32?
    /// The AES bit of KVM_GET_SUPPORTED_CPUID; what the guest executes may differ.
    package var supportsAES: Bool?
    /// Nil when the guest never ran.
    package var ending: Ending?
    package var answers = Answers()

    package init(stage: Stage, errorNumber: Int32? = nil) {
        self.stage = stage
        self.errorNumber = errorNumber
    }
}

extension KVMProbeReport {
    init(_ raw: ckvm_result) {
        let index = Int(raw.stage.rawValue)
        self.init(stage: Stage.allCases[index], errorNumber: raw.error == 0 ? nil : raw.error)
        if index > Int(ckvm_stage_api_version.rawValue) || (stage == .apiVersion && raw.error == 0) { apiVersion = raw.api_version }
        if index > Int(ckvm_stage_supported_cpuid.rawValue) { supportsAES = CPUIDRegisters(ecx: raw.supported_ecx).hasAES }
        guard stage == .run, errorNumber == nil else { return }
        ending = Ending(raw)
        answers = Answers(raw.answers, written: raw.written)
    }
}

extension KVMProbeReport.Ending {
    fileprivate init(_ raw: ckvm_result) {
        if raw.timed_out {
            self = .timedOut
        } else if raw.stray_write {
            self = .strayWrite
        } else {
            // Numbers from the kernel's ABI, <linux/kvm.h>.
            switch raw.exit_reason {
            case 5: self = .halted
            case 8: self = .shutdown
            case 9: self = .entryRefused(reason: raw.exit_detail)
            case 17: self = .internalError(suberror: raw.exit_detail)
            default: self = .exit(reason: raw.exit_reason)
            }
        }
    }
}

extension KVMProbeReport.Answers {
    /// - Parameter written: bit n for word n of `raw`.
    fileprivate init(_ raw: ckvm_answers, written: UInt32) {
        func sent(_ words: Range<UInt32>) -> Bool { words.allSatisfy { written >> $0 & 1 == 1 } }
        if sent(0..<4) { cpuid = CPUIDRegisters(raw.cpuid) }
        if sent(4..<8) { kernelAES = raw.kernel_aes.hexadecimal }
        if sent(8..<10) { userSelectors = [raw.user_code_selector, raw.user_stack_selector] }
        if sent(10..<14) { userAES = raw.user_aes.hexadecimal }
        if sent(14..<16) { kernelSelectors = [raw.kernel_code_selector, raw.kernel_stack_selector] }
    }
}

extension ckvm_block {
    fileprivate var hexadecimal: String {
        [low, high].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> ($0 * 8)) } }.hexadecimal
    }
}

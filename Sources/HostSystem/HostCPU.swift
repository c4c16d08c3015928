internal import CKVM
internal import Glibc
internal import Quoting

/// The processor's extension for virtual machines.
package enum VirtualizationExtension: String, Codable, Sendable, CaseIterable {
    case vtx = "Intel VT-x"
    case amdv = "AMD-V"

    /// The kernel module that uses it.
    package var kernelModule: String {
        switch self {
        case .vtx: "kvm_intel"
        case .amdv: "kvm_amd"
        }
    }
}

/// The host's processor, as CPUID describes it to this process.
package struct HostCPU: Codable, Sendable, Equatable {
    /// The vendor string of leaf 0, such as `GenuineIntel`.
    package let vendor: String
    /// The brand string, trimmed; empty when the processor has none.
    package let model: String
    /// The extension that CPUID reports; also nil where a hypervisor hides it.
    package let virtualization: VirtualizationExtension?
    package let hasAES: Bool
    /// Whether this host is itself a guest.
    package let runsUnderHypervisor: Bool
    /// Logical processors that are online.
    package let logicalCPUs: Int

    package init(
        vendor: String, model: String, virtualization: VirtualizationExtension?, hasAES: Bool, runsUnderHypervisor: Bool, logicalCPUs: Int
    ) {
        self.vendor = vendor
        self.model = model
        self.virtualization = virtualization
        self.hasAES = hasAES
        self.runsUnderHypervisor = runsUnderHypervisor
        self.logicalCPUs = logicalCPUs
    }

    /// The processor of this host.
    package static func current() -> HostCPU {
        HostCPU(logicalCPUs: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) { CPUIDRegisters(ckvm_cpuid($0, 0)) }
    }

    /// Reads the leaves through `cpuid`; a leaf above the highest reported one is not requested.
    package init(logicalCPUs: Int, cpuid: (UInt32) -> CPUIDRegisters) {
        let basic = cpuid(0)
        let extended = cpuid(0x8000_0000).eax
        let features = basic.eax >= 1 ? cpuid(1) : CPUIDRegisters()
        let hasSVM = extended >= 0x8000_0001 && cpuid(0x8000_0001).ecx.hasBit(2)
        let brand = extended >= 0x8000_0004 ? (0x8000_0002...0x8000_0004).flatMap { cpuid($0).bytes } : []
        self.init(
            vendor: Self.text([basic.ebx, basic.edx, basic.ecx].flatMap(\.littleEndianBytes)), model: Self.text(brand),
            virtualization: features.ecx.hasBit(5) ? .vtx : hasSVM ? .amdv : nil, hasAES: features.hasAES,
            runsUnderHypervisor: features.ecx.hasBit(31), logicalCPUs: logicalCPUs)
    }

    static func text(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        return text.split(at: " ").joined(separator: " ")
    }
}

/// A register in which CPUID returns a result.
package enum CPUIDRegister: Sendable { case eax, ebx, ecx, edx }

/// What one leaf of CPUID returned.
package struct CPUIDRegisters: Codable, Sendable, Equatable {
    package var eax: UInt32 = 0
    package var ebx: UInt32 = 0
    package var ecx: UInt32 = 0
    package var edx: UInt32 = 0

    package init(eax: UInt32 = 0, ebx: UInt32 = 0, ecx: UInt32 = 0, edx: UInt32 = 0) {
        self.eax = eax
        self.ebx = ebx
        self.ecx = ecx
        self.edx = edx
    }

    init(_ raw: ckvm_cpuid) { self.init(eax: raw.eax, ebx: raw.ebx, ecx: raw.ecx, edx: raw.edx) }

    package subscript(register: CPUIDRegister) -> UInt32 {
        switch register {
        case .eax: eax
        case .ebx: ebx
        case .ecx: ecx
        case .edx: edx
        }
    }

    /// Whether AES-NI is present, if these are the registers of leaf 1.
    package var hasAES: Bool { ecx.hasBit(25) }

    fileprivate var bytes: [UInt8] { [eax, ebx, ecx, edx].flatMap(\.littleEndianBytes) }
}

extension UInt32 {
    func hasBit(_ bit: UInt32) -> Bool { self >> bit & 1 == 1 }
    var littleEndianBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) } }
}

/// One query for the instruction CPUID: the values of EAX and ECX before it.
package struct CPUIDQuestion: Hashable, Sendable, Codable, Comparable {
    package let leaf: UInt32
    package let subleaf: UInt32

    package init(_ leaf: UInt32, _ subleaf: UInt32 = 0) {
        self.leaf = leaf
        self.subleaf = subleaf
    }

    package static func < (left: Self, right: Self) -> Bool { (left.leaf, left.subleaf) < (right.leaf, right.subleaf) }

    /// Every query that returns something about a processor, in ascending order: identity, features, caches, topology, state,
    /// the hypervisor's signature. At most 128, which is the micro-guest's limit.
    package static let all: [CPUIDQuestion] = {
        let subleaves: [UInt32: UInt32] = [
            0x4: 5, 0x7: 3, 0xb: 3, 0xd: 20, 0xf: 2, 0x10: 4, 0x12: 2, 0x14: 2, 0x18: 2, 0x1d: 2, 0x1f: 4, 0x8000_001d: 5, 0x8000_0020: 2,
        ]
        let leaves = [0x0...0x20, 0x4000_0000...0x4000_0001, 0x8000_0000...0x8000_0022] as [ClosedRange<UInt32>]
        return leaves.joined().flatMap { leaf in (0..<subleaves[leaf, default: 1]).map { CPUIDQuestion(leaf, $0) } }
    }()
}

/// What one observer gets from CPUID.
package struct CPUIDTable: Sendable, Equatable, Codable {
    package private(set) var answers: [CPUIDQuestion: CPUIDRegisters]

    package init(_ answers: [CPUIDQuestion: CPUIDRegisters]) { self.answers = answers }

    /// The results of executing the instruction, without the leaves above the highest one of their range: a processor answers
    /// those with the data of another leaf.
    package init(executed answers: [CPUIDQuestion: CPUIDRegisters]) {
        let hasHypervisor = answers[CPUIDQuestion(1)]?.ecx.hasBit(31) == true
        func isOffered(_ leaf: UInt32) -> Bool {
            let start = leaf & 0xf000_0000
            if start == 0x4000_0000 && !hasHypervisor { return false }
            guard let highest = answers[CPUIDQuestion(start)]?.eax else { return false }
            // Some hypervisors do not report a highest leaf, but have the signature.
            return leaf == start || leaf <= highest
        }
        self.answers = answers.filter { isOffered($0.key.leaf) }
    }

    package subscript(leaf: UInt32, subleaf: UInt32) -> CPUIDRegisters? { answers[CPUIDQuestion(leaf, subleaf)] }
    package subscript(leaf: UInt32) -> CPUIDRegisters? { self[leaf, 0] }

    /// Whether a bit is set; a leaf that is not offered has no features.
    package func hasBit(_ bit: UInt32, of register: CPUIDRegister, leaf: UInt32, subleaf: UInt32 = 0) -> Bool {
        self[leaf, subleaf]?[register].hasBit(bit) == true
    }
}

/// The identity that a processor reports.
package struct ProcessorIdentity: Sendable, Equatable, CustomStringConvertible {
    /// Twelve characters of leaf 0, such as `AuthenticAMD`.
    package let vendor: String
    /// As in /proc/cpuinfo: with the extended fields added.
    package let family: Int
    package let model: Int
    package let stepping: Int

    /// Nil unless both leaves 0 and 1 exist.
    package init?(_ table: CPUIDTable) {
        guard let basic = table[0], let version = table[1]?.eax else { return nil }
        vendor = HostCPU.text([basic.ebx, basic.edx, basic.ecx].flatMap(\.littleEndianBytes))
        let baseFamily = Int(version >> 8 & 0xf)
        family = baseFamily == 0xf ? baseFamily + Int(version >> 20 & 0xff) : baseFamily
        let baseModel = Int(version >> 4 & 0xf)
        model = family >= 6 ? baseModel + Int(version >> 16 & 0xf) << 4 : baseModel
        stepping = Int(version & 0xf)
    }

    package var description: String { "\(vendor) family \(family) model \(model) stepping \(stepping)" }
}

extension CPUIDTable {
    /// The hypervisor's signature, such as `KVMKVMKVM` or `TCGTCGTCGTCG`; nil when there is none.
    package var hypervisor: String? {
        guard hasBit(31, of: .ecx, leaf: 1), let leaf = self[0x4000_0000] else { return nil }
        let signature = HostCPU.text([leaf.ebx, leaf.ecx, leaf.edx].flatMap(\.littleEndianBytes))
        return signature.isEmpty ? nil : signature
    }
}

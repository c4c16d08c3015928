import HostSystem
import SystemPackage
import Testing

@Suite("The host's processor")
struct HostCPUTests {
    /// The leaves of a processor in a table; what is not in it answers with zeros.
    private func read(_ leaves: [UInt32: CPUIDRegisters]) -> HostCPU {
        HostCPU(logicalCPUs: 4) { leaves[$0] ?? CPUIDRegisters() }
    }

    private let intelVendor = CPUIDRegisters(eax: 0x16, ebx: 0x756e_6547, ecx: 0x6c65_746e, edx: 0x4965_6e69)
    private let amdVendor = CPUIDRegisters(eax: 0x10, ebx: 0x6874_7541, ecx: 0x444d_4163, edx: 0x6974_6e65)

    @Test("An Intel processor with VT-x and AES-NI is read from its leaves")
    func intel() {
        let cpu = read([
            0: intelVendor, 1: CPUIDRegisters(ecx: 1 << 5 | 1 << 25),
            0x8000_0000: CPUIDRegisters(eax: 0x8000_0008),
            // "  Intel(R) Xeon(R) " with its usual runs of spaces, then nothing.
            0x8000_0002: CPUIDRegisters(eax: 0x6e49_2020, ebx: 0x286c_6574, ecx: 0x2020_2952, edx: 0x6e6f_6558),
            0x8000_0003: CPUIDRegisters(eax: 0x2952_28),
        ])
        #expect(cpu.vendor == "GenuineIntel")
        #expect(cpu.model == "Intel(R) Xeon(R)")
        #expect(cpu.virtualization == .vtx)
        #expect(cpu.hasAES)
        #expect(!cpu.runsUnderHypervisor)
        #expect(cpu.logicalCPUs == 4)
    }

    @Test("An AMD processor shows AMD-V in the extended leaf")
    func amd() {
        let cpu = read([0: amdVendor, 0x8000_0000: CPUIDRegisters(eax: 0x8000_0001), 0x8000_0001: CPUIDRegisters(ecx: 1 << 2)])
        #expect(cpu.vendor == "AuthenticAMD")
        #expect(cpu.virtualization == .amdv)
        #expect(!cpu.hasAES)
        #expect(cpu.model.isEmpty)
    }

    @Test("A guest whose hypervisor hides the extension has none, and knows that it is a guest")
    func guest() {
        let cpu = read([0: amdVendor, 1: CPUIDRegisters(ecx: 1 << 31), 0x8000_0000: CPUIDRegisters(eax: 0x8000_0001)])
        #expect(cpu.virtualization == nil)
        #expect(cpu.runsUnderHypervisor)
    }

    @Test("A leaf above the highest one is not believed")
    func highestLeaf() {
        let cpu = read([
            0: CPUIDRegisters(eax: 0), 1: CPUIDRegisters(ecx: .max), 0x8000_0000: CPUIDRegisters(eax: 0x8000_0000),
            0x8000_0001: CPUIDRegisters(ecx: .max), 0x8000_0002: CPUIDRegisters(eax: 0x4141_4141),
        ])
        #expect(cpu.virtualization == nil)
        #expect(!cpu.hasAES)
        #expect(cpu.model.isEmpty)
    }

    @Test("This host agrees with what its kernel says in /proc/cpuinfo")
    func thisHost() throws {
        let cpu = HostCPU.current()
        var fields: [String: String] = [:]
        for line in try Files.readText("/proc/cpuinfo").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimming() }
            if parts.count == 2, fields[parts[0]] == nil { fields[parts[0]] = parts[1] }
        }
        let flags = Set(try #require(fields["flags"]).split(separator: " "))
        #expect(cpu.vendor == fields["vendor_id"])
        #expect(cpu.hasAES == flags.contains("aes"))
        #expect(cpu.runsUnderHypervisor == flags.contains("hypervisor"))
        // The kernel clears the flag where the firmware locked the extension; it never invents one.
        if flags.contains("vmx") { #expect(cpu.virtualization == .vtx) }
        if flags.contains("svm") { #expect(cpu.virtualization == .amdv) }
        #expect(cpu.logicalCPUs >= 1)
    }
}

extension Substring {
    fileprivate func trimming() -> String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}

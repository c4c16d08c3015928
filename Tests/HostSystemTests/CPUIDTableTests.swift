import Glibc
import HostSystem
import SystemPackage
import Testing

@Suite("Leaves of CPUID")
struct CPUIDTableTests {
    private static let hasKVM = access("/dev/kvm", R_OK | W_OK) == 0

    @Test("Every question is asked once, in rising order, and all of them fit into the micro-guest")
    func questions() {
        let questions = CPUIDQuestion.all
        #expect(zip(questions, questions.dropFirst()).allSatisfy { $0 < $1 })
        #expect(questions.count <= 128)
        #expect(Set(questions).isSuperset(of: [CPUIDQuestion(0), CPUIDQuestion(7, 1), CPUIDQuestion(0x4000_0000), CPUIDQuestion(0x8000_0001)]))
    }

    @Test("Leaves above the highest of their range are not believed, nor a hypervisor's where there is none")
    func highest() {
        var answers = [
            CPUIDQuestion(0): CPUIDRegisters(eax: 1), CPUIDQuestion(1): CPUIDRegisters(ecx: 0), CPUIDQuestion(7): CPUIDRegisters(ebx: .max),
            CPUIDQuestion(0x4000_0000): CPUIDRegisters(eax: 0x4000_0001, ebx: 0x4b4d_564b, ecx: 0x564b_4d56, edx: 0x4d),
            CPUIDQuestion(0x8000_0000): CPUIDRegisters(eax: 0x8000_0000), CPUIDQuestion(0x8000_0001): CPUIDRegisters(ecx: .max),
        ]
        let bare = CPUIDTable(executed: answers)
        #expect(Set(bare.answers.keys) == [CPUIDQuestion(0), CPUIDQuestion(1), CPUIDQuestion(0x8000_0000)])
        #expect(!bare.hasBit(0, of: .ebx, leaf: 7))
        #expect(bare.hypervisor == nil)

        answers[CPUIDQuestion(1)] = CPUIDRegisters(ecx: 1 << 31)
        #expect(CPUIDTable(executed: answers).hypervisor == "KVMKVMKVM")
        #expect(CPUIDTable(executed: [:]).answers.isEmpty)
    }

    @Test(
        "Family, model and stepping are put together as the kernel does",
        arguments: [
            (0x0083_0f10, 23, 49, 0), (0x0009_06ea, 6, 158, 10), (0x0000_0663, 6, 6, 3), (0x00a0_0f11, 25, 1, 1), (0x0000_0f43, 15, 4, 3),
            (0x0000_0543, 5, 4, 3),
        ] as [(UInt32, Int, Int, Int)])
    func identity(version: UInt32, family: Int, model: Int, stepping: Int) throws {
        let amd = CPUIDRegisters(eax: 1, ebx: 0x6874_7541, ecx: 0x444d_4163, edx: 0x6974_6e65)
        let identity = try #require(ProcessorIdentity(CPUIDTable([CPUIDQuestion(0): amd, CPUIDQuestion(1): CPUIDRegisters(eax: version)])))
        #expect(identity.description == "AuthenticAMD family \(family) model \(model) stepping \(stepping)")
        #expect(ProcessorIdentity(CPUIDTable([CPUIDQuestion(0): amd])) == nil)
    }

    @Test("This host is who its kernel says in /proc/cpuinfo")
    func thisHost() throws {
        let identity = try #require(ProcessorIdentity(HostCPU.leaves()))
        var fields: [String: String] = [:]
        for line in try Files.readText("/proc/cpuinfo").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.split { $0 == " " || $0 == "\t" }.joined(separator: " ") }
            if parts.count == 2, fields[parts[0]] == nil { fields[parts[0]] = parts[1] }
        }
        #expect(identity.vendor == fields["vendor_id"])
        #expect("\(identity.family)" == fields["cpu family"])
        #expect("\(identity.model)" == fields["model"])
        #expect("\(identity.stepping)" == fields["stepping"])
    }

    @Test("KVM lists what it supports", .enabled(if: hasKVM, "needs /dev/kvm"))
    func supported() async throws {
        let table = try #require(await KVMProbe.supportedLeaves())
        #expect(ProcessorIdentity(table)?.vendor == HostCPU.current().vendor)
        #expect(await KVMProbe.report().supportsAES == table[1]?.hasAES)
    }

    @Test("The micro-guest that goes through a table says what the one that asks one leaf says", .enabled(if: hasKVM, "needs /dev/kvm"))
    func executed() async throws {
        let table = await KVMProbe.executedLeaves()
        let alone = await KVMProbe.report().answers.cpuid
        if case .usable = await KVMProbe.run() { #expect(table != nil) }
        guard let table, let one = table[1], let alone else { return }
        // The highest byte of EBX is the number of the processor on which it happened to run.
        #expect([one.eax, one.ebx << 8, one.ecx, one.edx] == [alone.eax, alone.ebx << 8, alone.ecx, alone.edx])
    }

    @Test("Without a KVM device, or with no questions or too many, there is no answer")
    func missing() async {
        #expect(await KVMProbe.supportedLeaves(device: "/dev/no-such-kvm") == nil)
        #expect(await KVMProbe.supportedLeaves(device: "/dev/null") == nil)
        #expect(await KVMProbe.executedLeaves(device: "/dev/null") == nil)
        #expect(await KVMProbe.executedLeaves([]) == nil)
        #expect(await KVMProbe.executedLeaves((0..<129).map { CPUIDQuestion($0) }) == nil)
    }
}

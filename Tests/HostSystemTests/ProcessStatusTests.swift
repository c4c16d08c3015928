import ApplianceModel
import Basics
import Glibc
import HostSystem
import SystemPackage
import Testing

@Suite("What /proc says of a process")
struct ProcessStatusTests {
    /// A part of /proc/PID/status of a QEMU in its sandbox.
    private static let recorded = """
        Name:\tpg-orders
        Uid:\t999\t999\t999\t999
        Gid:\t995\t995\t995\t995
        Groups:\t
        CapInh:\t0000000000000000
        CapPrm:\t0000000000000000
        CapEff:\t0000000000000000
        NoNewPrivs:\t1
        Seccomp:\t2
        Seccomp_filters:\t1
        """

    @Test("Ids, capabilities and sandbox are read from the fields of status")
    func status() {
        var status = ProcessStatus()
        status.take(status: Self.recorded)
        #expect(status.userIDs == [999, 999, 999, 999])
        #expect(status.effectiveCapabilities == 0)
        #expect(status.permittedCapabilities == 0)
        #expect(status.seccompMode == 2)
        #expect(status.hasNoNewPrivileges == true)
    }

    @Test("What broke off or is damaged is unknown, never zero", arguments: ["", "Uid:\t999\t999", "CapEff:\t00000000", "CapEff:", "Seccomp:\tx", "Uid"])
    func damaged(text: String) {
        var status = ProcessStatus()
        status.take(status: text)
        #expect(status == ProcessStatus())
    }

    private static let stat =
        "1863 (pg-h-cpu) R 1 1863 1863 0 -1 138412416 58157 0 1 0 18593 256 0 0 35 15 5 0 1428992 2883297280 242661"

    @Test("The nice value is found behind a name with blanks and brackets too")
    func nice() {
        #expect(ProcessStatus.nice(inStat: Self.stat) == 15)
        #expect(ProcessStatus.nice(inStat: Self.stat.replacing("(pg-h-cpu)", with: "(CPU 0) R 1 (x)")) == 15)
        #expect(ProcessStatus.nice(inStat: Self.stat.replacing(" 15 5 ", with: " -5 5 ")) == -5)
        #expect(ProcessStatus.nice(inStat: Self.stat.replacing(" 15 5 ", with: " 99 5 ")) == nil)
        #expect(ProcessStatus.nice(inStat: "1863 (pg-h-cpu) R 1 1863 1863 0 -1 138412416 58157 0 1 0 18593 256 0 0 35 1") == nil)
        #expect(ProcessStatus.nice(inStat: "") == nil)
    }

    @Test("When a process began is field 22, behind a name with blanks and brackets too, and with its id names this very process")
    func start() {
        #expect(ProcessStart.time(inStat: Self.stat) == 1_428_992)
        #expect(ProcessStart.time(inStat: Self.stat.replacing("(pg-h-cpu)", with: "(CPU 0) R 1 (x)")) == 1_428_992)
        for text in ["", "1863 (x) R 1", Self.stat.replacing("1428992", with: "x")] { #expect(ProcessStart.time(inStat: text) == nil) }
        #expect(ProcessStart.time(of: getpid()) != nil)
        #expect(ProcessStart.time(of: .max) == nil)
    }

    @Test("The limit of core dumps is the larger of the two; without a limit, or without the line, there is no number")
    func coreLimit() {
        func limit(_ soft: String, _ hard: String) -> UInt64? {
            ProcessStatus.coreLimit(
                inLimits: """
                    Limit                     Soft Limit           Hard Limit           Units
                    Max stack size            8388608              unlimited            bytes
                    Max core file size        \(soft)                    \(hard)            bytes
                    """)
        }
        #expect(limit("0", "0") == 0)
        #expect(limit("0", "4096") == 4096)
        #expect(limit("0", "unlimited") == nil)
        #expect(ProcessStatus.coreLimit(inLimits: "") == nil)
    }

    @Test("A process of this program's shares its root and every namespace")
    func shared() throws {
        let status = try ProcessStatus.read(getpid())
        #expect(status.ownNamespaces == [])
        #expect(status.hasOwnRoot == false)
    }

    @Test("The control group is that of the unified hierarchy")
    func cgroup() {
        #expect(ProcessStatus.cgroup(in: "9:name=systemd:/x\n4:memory:/y\n0::/system.slice/pgkvm.service\n") == "/system.slice/pgkvm.service")
        #expect(ProcessStatus.cgroup(in: "4:memory:/y\n") == nil)
    }

    @Test("This process is found by its id, and one that is not there is an error")
    func thisProcess() throws {
        let status = try ProcessStatus.read(getpid())
        #expect(status.userIDs.first == getuid())
        #expect(!status.name.isEmpty)
        #expect(!status.threads.isEmpty)
        #expect(status.nice == Int(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)))
        #expect(throws: Failure.self) { try ProcessStatus.read(.max) }
    }

    @Test("Of the limits of a group and of those above it the smallest counts")
    func limits() throws {
        let root = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-cgroup")
        defer { try? Files.remove(root) }
        let inner = root.appending("outer").appending("inner")
        try Files.createDirectory(inner)
        #expect(GroupLimits.read("/outer/inner", root: root) == nil)

        try Files.write("cpu memory\n", to: root.appending("cgroup.controllers"))
        #expect(GroupLimits.read("/outer/inner", root: root) == GroupLimits())
        try Files.write("max 100000\n", to: inner.appending("cpu.max"))
        try Files.write("4294967296\n", to: inner.appending("memory.max"))
        #expect(GroupLimits.read("/outer/inner", root: root) == GroupLimits(memory: .gibibytes(4)))
        try Files.write("150000 100000\n", to: root.appending("outer").appending("cpu.max"))
        try Files.write("1073741824\n", to: root.appending("outer").appending("memory.max"))
        #expect(GroupLimits.read("/outer/inner", root: root) == GroupLimits(processors: 1.5, memory: .gibibytes(1)))
        #expect(GroupLimits.read("/", root: root) == GroupLimits())
    }

    @Test("Processors that have a group each are together as slow as the slowest, and a whole processor each is no limit")
    func processorGroups() throws {
        let root = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-cgroup")
        defer { try? Files.remove(root) }
        try Files.write("cpu memory\n", to: root.appending("cgroup.controllers"))
        let groups = ["/libvirt/vcpu0", "/libvirt/vcpu1"]
        func limits(_ quotas: String...) throws -> GroupLimits {
            for (group, quota) in zip(["vcpu0", "vcpu1"], quotas) {
                let directory = root.appending("libvirt").appending(group)
                try Files.createDirectory(directory)
                try Files.write("\(quota) 100000\n", to: directory.appending("cpu.max"))
            }
            var limits = GroupLimits(processors: 4)
            limits.take(processorGroups: groups, root: root)
            return limits
        }
        #expect(try limits("max", "max") == GroupLimits(processors: 4))
        #expect(try limits("100000", "100000") == GroupLimits(processors: 4))
        #expect(try limits("max", "50000") == GroupLimits(processors: 1))
    }
}

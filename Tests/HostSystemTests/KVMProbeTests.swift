import ApplianceModel
import Glibc
import HostSystem
import SystemPackage
import Testing

/// The micro-guest on this host's own KVM, whatever that can do. One at a time: the tests count what a probe leaves.
@Suite("The micro-guest", .serialized)
struct KVMProbeTests {
    private static let hasKVM = access("/dev/kvm", R_OK | W_OK) == 0

    @Test("The verdict on this host's KVM follows from what the guest did", .enabled(if: hasKVM, "needs /dev/kvm"))
    func thisHost() async throws {
        let report = await KVMProbe.report()
        #expect(report.stage == .run)
        #expect(report.errorNumber == nil)
        #expect(report.apiVersion == 12)
        let ending = try #require(report.ending)
        #expect(ending != .strayWrite)
        switch report.verdict {
        case .usable(let aes):
            #expect(ending == .halted)
            #expect(report.answers.cpuid?.hasAES == aes)
            #expect((report.answers.userAES != nil) == aes)
            #expect(report.answers.kernelSelectors == [0x08, 0x10])
        case .unusable(let reason):
            #expect(!reason.isEmpty)
            let everythingSent = report.answers.userSelectors != nil && report.answers.kernelSelectors != nil
            #expect(ending != .halted || !everythingSent || report.answers.cpuid?.hasAES == true)
        case .deviceMissing, .moduleMissing, .permissionDenied, .permissionDeniedToServices:
            Issue.record("the device can be opened, and the verdict is \(report.verdict)")
        }
    }

    @Test("A second probe comes to the same verdict", .enabled(if: hasKVM, "needs /dev/kvm"))
    func repeatable() async {
        let verdict = await KVMProbe.run()
        #expect(await KVMProbe.run() == verdict)
    }

    @Test("The time limit stops a guest that never ends", .enabled(if: hasKVM, "needs /dev/kvm"), arguments: [0, 1, 30])
    func timeLimit(milliseconds: Int) async {
        let report = await KVMProbe.report(timeLimit: .milliseconds(milliseconds), program: .spin)
        #expect(report.ending == .timedOut)
        #expect(report.answers == KVMProbeReport.Answers())
    }

    @Test("A guest that dies of a fault is told from one that halts", .enabled(if: hasKVM, "needs /dev/kvm"))
    func fault() async {
        let report = await KVMProbe.report(program: .fault)
        #expect(report.ending == .shutdown)
        #expect(report.verdict == .unusable(reason: "the test guest died of a fault before CPUID"))
    }

    @Test(
        "A probe leaves no descriptor, mapping, timer, signal or signal mask behind", .enabled(if: hasKVM, "needs /dev/kvm"),
        arguments: KVMProbe.Program.allCases)
    func nothingLeft(program: KVMProbe.Program) throws {
        // Threads of Dispatch block most signals; the probe's own must be open here to be seen closed afterwards.
        var alarm = sigset_t()
        var previous = sigset_t()
        sigemptyset(&alarm)
        sigaddset(&alarm, SIGALRM)
        pthread_sigmask(SIG_UNBLOCK, &alarm, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        let before = signals()
        _ = KVMProbe.reportBlocking(device: "/dev/kvm", timeLimit: .milliseconds(20), program: program)
        #expect(signals() == before)
        let descriptors = try Files.list("/proc/self/fd").compactMap { linkTarget("/proc/self/fd/\($0)") }
        #expect(descriptors.filter { $0 == "/dev/kvm" || $0.hasPrefix("anon_inode:kvm") } == [])
        let maps = try Files.readText("/proc/self/maps")
        #expect(!maps.contains("kvm-vcpu"))
        // The guest's memory.
        #expect(!maps.contains("/dev/zero"))
        if let timers = try Files.readIfPresent("/proc/self/timers") { #expect(timers.isEmpty) }
    }

    @Test("A missing device is named as such")
    func missing() async {
        #expect(await KVMProbe.run(device: "/dev/no-such-kvm") == .deviceMissing)
    }

    @Test("A file or directory in the device's place is not taken for KVM")
    func notADevice() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-kvm-probe")
        defer { try? Files.remove(directory) }
        try Files.write("", to: directory.appending("kvm"))
        #expect(await KVMProbe.run(device: directory.appending("kvm")) == .unusable(reason: "the device is not KVM's"))
        #expect(await KVMProbe.run(device: "/dev/null") == .unusable(reason: "the device is not KVM's"))
        #expect(await KVMProbe.run(device: directory) == .unusable(reason: "cannot open the device: Is a directory"))
    }

    @Test("A device of somebody else is a matter of permission", .enabled(if: !HostEnvironment.isRoot, "root may open every device"))
    func noPermission() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-kvm-probe")
        defer { try? Files.remove(directory) }
        let file = directory.appending("kvm")
        try Files.write("", to: file, mode: [])
        #expect(await KVMProbe.run(device: file) == .permissionDenied)
    }

    /// The thread's mask, and whether the probe's signal is pending; others, such as a child's end, are the process's affair.
    private func signals() -> [Bool] {
        var blocked = sigset_t()
        var pending = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &blocked)
        sigpending(&pending)
        return (1..<65).map { sigismember(&blocked, $0) == 1 } + [sigismember(&pending, SIGALRM) == 1]
    }

    private func linkTarget(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}

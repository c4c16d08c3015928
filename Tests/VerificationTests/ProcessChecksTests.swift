import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Testing

@testable import Verification

@Suite("The machine's process on this host")
struct ProcessChecksTests {
    /// A QEMU as this tool starts it, with two processors.
    private static var good: ProcessStatus {
        var status = ProcessStatus()
        status.name = "pg-orders"
        status.threads = ["CPU 0/KVM", "CPU 1/KVM", "IO data-io", "IO mon_iothread", "pg-orders", "qemu-system-x86"]
        status.userIDs = [1_879_048_192, 1_879_048_192, 1_879_048_192, 1_879_048_192]
        status.nice = 0
        status.cgroup = "/system.slice/pgkvm-orders.service"
        status.effectiveCapabilities = 0
        status.permittedCapabilities = 0
        status.seccompMode = 2
        status.hasNoNewPrivileges = true
        status.ownNamespaces = ProcessStatus.separable
        status.hasOwnRoot = true
        status.coreLimit = 0
        return status
    }

    private static func findings(
        limits: GroupLimits? = GroupLimits(), name: String? = "pg-orders",
        separation: SeparationPromise = .promised(userIDs: 0x7000_0000...0x7FFF_FFFE), _ change: (inout ProcessStatus) -> Void = { _ in }
    ) throws -> [Finding] {
        var status = good
        change(&status)
        let spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        return ProcessChecks.findings(status, limits, name: name, separation: separation, spec: spec, accelerator: .kvm)
    }

    @Test("A process as this tool starts it passes, and each check of the group is there")
    func well() throws {
        let findings = try Self.findings()
        #expect(findings.map(\.check) == ProcessChecks.checks)
        #expect(findings.allSatisfy { $0.level == .pass && $0.remedy == nil })
        #expect(findings[1].measured == "CPU 0/KVM, CPU 1/KVM; disks have their own: data-io")
        #expect(findings.last?.measured == "nice 0, cgroup /system.slice/pgkvm-orders.service, no limits")
    }

    static let faults: [(@Sendable (inout ProcessStatus) -> Void, String, Finding.Level, String)] = [
        ({ $0.name = "qemu-system-x86" }, "process.name", .warn, "qemu-system-x86"),
        ({ $0.name = "" }, "process.name", .warn, "nothing"),
        ({ $0.threads = ["CPU 0/KVM"] }, "process.threads", .fail, "CPU 0/KVM"),
        ({ $0.threads = ["CPU 0/TCG", "CPU 1/TCG"] }, "process.threads", .fail, "CPU 0/TCG"),
        ({ $0.threads = ["CPU 0/KVM", "CPU 1/KVM", "CPU 2/KVM"] }, "process.threads", .fail, "CPU 2/KVM"),
        ({ $0.threads = ["qemu", "qemu"] }, "process.threads", .skip, "2 threads without names"),
        ({ $0.userIDs = [0, 0, 0, 0] }, "process.user", .fail, "user id 0"),
        ({ $0.userIDs = [999, 999, 0, 999] }, "process.user", .fail, "user id 0, 999"),
        ({ $0.userIDs = [999, 999, 999, 999] }, "process.user", .warn, "other machines of this host may have too"),
        ({ $0.ownNamespaces = ["mnt"] }, "process.namespaces", .warn, "its own: mnt; this host's: pid, ipc, uts"),
        ({ $0.ownNamespaces = [] }, "process.namespaces", .warn, "this host's: mnt, pid, ipc, uts"),
        ({ $0.ownNamespaces = nil }, "process.namespaces", .skip, "does not say"),
        ({ $0.hasOwnRoot = false }, "process.root", .warn, "this host's root"),
        ({ $0.hasOwnRoot = nil }, "process.root", .skip, "does not say"),
        ({ $0.coreLimit = 1 << 30 }, "process.core-dumps", .warn, "up to 1073741824 bytes"),
        ({ $0.coreLimit = nil }, "process.core-dumps", .warn, "without a limit"),
        ({ $0.userIDs = [] }, "process.user", .skip, "does not say"),
        ({ $0.effectiveCapabilities = 0x3f }, "process.capabilities", .fail, "effective 0x3f"),
        ({ $0.permittedCapabilities = 1 << 12 }, "process.capabilities", .fail, "permitted 0x1000"),
        ({ $0.effectiveCapabilities = nil }, "process.capabilities", .skip, "does not say"),
        ({ $0.seccompMode = 0 }, "process.sandbox", .warn, "not filtered"),
        ({ $0.hasNoNewPrivileges = false }, "process.sandbox", .warn, "can be had"),
        ({ $0.seccompMode = nil }, "process.sandbox", .skip, "does not say"),
        ({ $0.nice = 15 }, "process.priority", .warn, "nice 15"),
        ({ $0.nice = nil }, "process.priority", .skip, "does not say"),
    ]

    @Test("One fault is seen by exactly its check, with what was measured and a remedy", arguments: faults.indices)
    func fault(index: Int) throws {
        let (change, check, level, says) = Self.faults[index]
        let wrong = try Self.findings(change).filter { $0.level != .pass }
        #expect(wrong.map(\.check) == [check])
        #expect(wrong.first?.level == level)
        #expect(wrong.first?.measured.contains(says) == true, "\(wrong.first?.measured ?? "")")
        #expect(wrong.first?.remedy != nil)
    }

    @Test("A limit below what the guest was given is seen; limits that cannot be read are said to be unknown")
    func limits() throws {
        // The spec's own: 2 processors, 2 GiB.
        #expect(try Self.findings(limits: GroupLimits(processors: 2, memory: .gibibytes(3))).allSatisfy { $0.level == .pass })
        let slow = try #require(try Self.findings(limits: GroupLimits(processors: 1.5)).last)
        #expect(slow.level == .warn)
        #expect(slow.measured.contains("at most 1.5 processors"))
        let small = try #require(try Self.findings(limits: GroupLimits(memory: .gibibytes(1))).last)
        #expect(small.level == .fail)
        #expect(small.measured.contains("at most 1024 MiB"))
        #expect(try Self.findings(limits: nil).last?.measured.contains("limits unknown") == true)
    }

    @Test("Where the platform gives the process no name of its own, its name is no pass and no fault, and the rest is judged as ever")
    func unnamed() throws {
        let findings = try Self.findings(name: nil) { $0.name = "qemu-system-x86" }
        #expect(findings[0].level == .skip)
        #expect(findings[0].measured.contains("qemu-system-x86") && findings[0].remedy != nil)
        #expect(findings.dropFirst().allSatisfy { $0.level == .pass })
    }

    @Test("What an ordinary user cannot have, and what a platform does not promise, is left out with the reason; a core dump is an ordinary user's fault too")
    func unseparated() throws {
        for (separation, reason) in [(SeparationPromise.impossible(reason: "only root can"), "only root can"), (.unknown, "the platform decides")] {
            let findings = try Self.findings(separation: separation) { status in
                status.userIDs = [1000, 1000, 1000, 1000]
                status.ownNamespaces = []
                status.hasOwnRoot = false
            }
            let others = findings.filter { $0.level != .pass }
            #expect(others.map(\.check) == ["process.namespaces", "process.root"])
            #expect(others.allSatisfy { $0.level == .skip && $0.remedy?.contains(reason) == true })
        }
        #expect(try Self.findings(separation: .impossible(reason: "")) { $0.coreLimit = 1 }.first { $0.check == "process.core-dumps" }?.level == .warn)
        #expect(try Self.findings(separation: .unknown) { $0.coreLimit = 1 }.first { $0.check == "process.core-dumps" }?.level == .skip)
    }

    @Test("A platform without a process of its own skips every check, and says why")
    func skipped() {
        let findings = ProcessChecks.skipped("because")
        #expect(findings.map(\.check) == ProcessChecks.checks)
        #expect(findings.allSatisfy { $0.level == .skip && $0.remedy == "because" })
    }
}

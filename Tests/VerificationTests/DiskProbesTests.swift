import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SecureShell
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Probes
@testable import Reports
@testable import Verification

@Suite("Files and disks that are measured on")
struct DiskProbesTests {
    private static let machine = MachineReference(backend: .qemu, deployment: .random(), identifier: "orders")
    private static let expected = "what is asked"

    /// Runs `body` with a verification whose lock lies in a directory of the test's own.
    private func withRun(
        _ backend: any MachineBackend = FakeBackend(), _ shell: any RemoteShell = AnsweringShell { _ in ShellResult(status: 0) },
        _ body: (VerificationRun) async throws -> Void
    ) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-load")
        defer { try? Files.remove(directory) }
        let target = VerificationTarget(
            spec: ApplianceSpec(name: try #require(ApplianceName("orders"))), accelerator: .kvm, postgresqlVersion: 17, shell: shell, backend: backend,
            machine: Self.machine, connect: { throw Failure(.unsupported, "") }, parameters: { throw Failure(.unsupported, "") },
            restart: { throw Failure(.unsupported, "") }, settings: [:], certificateDaysLeft: nil,
            measurementLock: directory.appending("measurement.lock"))
        try await body(VerificationRun(target: target, options: VerificationOptions(rounds: 1)) { _ in })
    }

    @Test("The guest's directory is removed after success, after a failure and when the measurement is cancelled")
    func removed() async throws {
        struct Broken: Error {}
        for error in [nil, Broken(), CancellationError()] as [(any Error)?] {
            let shell = AnsweringShell { _ in ShellResult(status: 0) }
            let task = Task {
                try await GuestProbeDirectory.with(shell) { _ in
                    if error is CancellationError { withUnsafeCurrentTask { $0?.cancel() } }
                    if let error { throw error }
                }
            }
            let result = await task.result
            #expect((try? result.get()) == nil || error == nil)
            #expect(shell.commands.count == 2)
            #expect(shell.commands.first?.contains("rm -rf --") == true)
            #expect(shell.commands.last == "sudo -n rm -rf -- '/var/lib/postgresql/.pgkvm-probe'")
        }
    }

    @Test(
        "A guest without room, without fio or without its data disk is left alone, and the check says why",
        arguments: [(10, "mounted"), (11, "free"), (12, "fio")])
    func refused(status: Int32, word: String) async throws {
        let shell = AnsweringShell { _ in ShellResult(status: status) }
        try await withRun(FakeBackend(), shell) { run in
            let findings = try await DiskLoad.alone(run, check: "disk.write-latency", expected: Self.expected) {
                try await GuestProbeDirectory.with(shell) { _ in [] }
            }
            #expect(findings.map(\.level) == [.skip])
            #expect(findings.first?.measured.contains(word) == true)
            #expect(findings.first?.remedy != nil)
        }
        #expect(shell.commands.count == 1)
    }

    @Test("Files to measure on are never made in a directory that QEMU's user could write, nor on another file system than the disk's")
    func place() async throws {
        for (disk, isOwn) in [("machines/0/data.raw", true), ("/proc/self/data.raw", false)] {
            let place = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-place")
            defer { try? Files.remove(place) }
            let file = place.pushing(FilePath(disk))
            if isOwn { try Files.createDirectory(file.removingLastComponent()) }
            try await withRun(FileBackend(base: FakeBackend(), disk: file)) { run in
                let own = run.target.measurementLock.removingLastComponent()
                let chosen = try await run.target.probePlace()
                #expect(chosen == (isOwn ? own : file.removingLastComponent()))
            }
        }
    }

    @Test("The host's directory takes away what killed runs left, and goes itself")
    func host() async throws {
        let parent = try Files.createTemporaryDirectory(in: "/var/tmp", prefix: "pgkvm-probe-test")
        defer { try? Files.remove(parent) }
        // No process has this id: it is beyond the greatest.
        let abandoned = parent.appending("\(HostProbeDirectory.prefix).4194305.17")
        try Files.createDirectory(abandoned)
        try Files.write("left", to: abandoned.appending("file"))
        try Files.write("the disk", to: parent.appending("data.raw"))
        try await HostProbeDirectory.with(in: parent) { directory in
            #expect(!Files.exists(abandoned))
            #expect(Files.status(directory.path)?.permissions == 0o700)
            try Files.write("file", to: directory.file)
        }
        await #expect(throws: Failure.self) { try await HostProbeDirectory.with(in: parent) { _ in throw Failure(.unsupported, "") } }
        #expect(try Files.list(parent) == ["data.raw"])
    }

    @Test("fio on this host gives syncs for every write, also below a path with a colon", .enabled("fio is installed") { ProgramRunner.lookUp("fio") != nil })
    func fio() async throws {
        let parent = try Files.createTemporaryDirectory(in: "/var/tmp", prefix: "pgkvm:probe test")
        defer { try? Files.remove(parent) }
        try await HostProbeDirectory.with(in: parent) { directory in
            // A job that finds no file makes none.
            await #expect(throws: Failure.self) { try await directory.run(.writeAndSync(HostProbeDirectory.fileName, milliseconds: 50)) }
            try await directory.fill()
            #expect(Files.status(directory.file)?.allocated.bytes ?? 0 >= FioJob.fileSize)
            // Long enough for more than one write where others keep the disk busy.
            let syncs = try await directory.run(.writeAndSync(HostProbeDirectory.fileName, milliseconds: 5_000)).syncedWrites()
            #expect(syncs.count > 0)
            #expect(!syncs.bins.isEmpty)
            let written = try await directory.run(.durableWrites(HostProbeDirectory.fileName, count: 20))
            #expect(written.writes?.count == 20)
            #expect(throws: Failure.self) { try written.syncedWrites() }
        }
    }

    @Test("Two verifications do not measure on the same disk at once, whether it is a file of this host or not")
    func alone() async throws {
        for backend in [FileBackend(base: FakeBackend(), disk: "/nonexistent/data.raw"), PlainBackend(base: FakeBackend())] as [any MachineBackend] {
            try await withRun(backend) { run in
                let findings = try await DiskLoad.alone(run, check: "disk.write-latency", expected: Self.expected) {
                    let second = try await DiskLoad.alone(run, check: "disk.read-latency", expected: Self.expected) {
                        Issue.record("measured at the same time")
                        return []
                    }
                    #expect(second.map(\.level) == [.skip])
                    #expect(second.first?.measured.contains("another verification") == true)
                    return []
                }
                #expect(findings.isEmpty)
                let third = try await DiskLoad.alone(run, check: "disk.read-latency", expected: Self.expected) { [] }
                #expect(third.isEmpty)
            }
        }
    }

    @Test("A lent disk is taken away after success, a failure and a guest that does not see it, and not before nobody has it open")
    func lent() async throws {
        struct Broken: Error {}
        for (fails, sees) in [(false, true), (true, true), (false, false)] {
            let backend = FakeBackend()
            let shell = AnsweringShell { command in
                if command.contains("/proc/[0-9]*/fd") { #expect(backend.disks.withLock { $0.lent } == ["probe"]) }
                return ShellResult(status: command.contains("blockdev") && !sees ? 1 : 0)
            }
            let result = await Task {
                try await LentDisk.with([("probe", .zero)], backend: backend, machine: Self.machine, shell: shell) { _ in
                    #expect(backend.disks.withLock { $0.lent } == ["probe"])
                    if fails { throw Broken() }
                }
            }.result
            #expect((try? result.get()) == nil || !fails && sees)
            #expect(backend.disks.withLock { $0.lent }.isEmpty)
            #expect(backend.calls == ["attachNullDisk", "detachNullDisk"])
            #expect(shell.commands.last?.contains("/proc/[0-9]*/fd") == true)
        }
    }

    @Test("A platform that shows nothing of its disks has its checks left out, each with the reason")
    func otherPlatform() async throws {
        try await withRun(PlainBackend(base: FakeBackend())) { run in
            var measurements = Measurements()
            for group in [DurabilityChecks.nodes, FlushConservation.group, VirtualizationTaxCheck.group] {
                let findings = try await group.run(run, &measurements)
                #expect(findings.map(\.level) == [.skip], "\(group.check)")
                #expect(findings.first?.check == group.check)
                #expect(findings.first?.remedy != nil)
            }
        }
    }

    @Test("A block layer that cannot be seen whole is left out, and no node of it passes")
    func unseenNodes() async throws {
        let backend = FakeBackend()
        backend.disks.withLock { $0.nodes = nil }
        try await withRun(backend) { run in
            var measurements = Measurements()
            let findings = try await DurabilityChecks.nodes.run(run, &measurements)
            #expect(findings.map(\.level) == [.skip])
            #expect(findings.first?.remedy != nil)
        }
    }

    @Test("Quick only looks: nothing of disk or durability that writes belongs to it")
    func quick() {
        let quick = Verifier.groups.filter { $0.runs(VerificationOptions(depth: .quick)) && [.disk, .durability].contains($0.name) }
        #expect(quick.map(\.check) == ["guest.report", "disk.queues", "durability.nodes", "durability.write-cache"])
    }
}

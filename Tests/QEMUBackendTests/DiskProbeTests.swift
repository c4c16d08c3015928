import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SystemPackage
import Testing

@testable import QEMUBackend

@Suite("How disks reach the host")
struct DiskProbeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let fileSystem: String
        let direct: Bool
        let usable: Set<DiskDecision.AIO>
        let aio: DiskDecision.AIO
        let cacheDirect: Bool
        let level: Finding.Level
        var testDescription: String { "\(fileSystem), O_DIRECT \(direct), \(usable.map(\.rawValue).sorted())" }
    }

    static let all = Set(DiskDecision.AIO.allCases)
    static let rows = [
        Row(fileSystem: "ext4", direct: true, usable: all, aio: .native, cacheDirect: true, level: .pass),
        Row(fileSystem: "xfs", direct: true, usable: all, aio: .native, cacheDirect: true, level: .pass),
        Row(fileSystem: "ext4", direct: true, usable: [.ioUring, .threads], aio: .ioUring, cacheDirect: true, level: .pass),
        Row(fileSystem: "ext4", direct: true, usable: [.threads], aio: .threads, cacheDirect: true, level: .pass),
        Row(fileSystem: "ext4", direct: false, usable: [.ioUring, .threads], aio: .ioUring, cacheDirect: false, level: .warn),
        Row(fileSystem: "ext4", direct: false, usable: [.threads], aio: .threads, cacheDirect: false, level: .warn),
        Row(fileSystem: "zfs", direct: true, usable: all, aio: .threads, cacheDirect: false, level: .warn),
        Row(fileSystem: "btrfs", direct: true, usable: all, aio: .threads, cacheDirect: false, level: .warn),
        Row(fileSystem: "tmpfs", direct: false, usable: [.ioUring, .threads], aio: .ioUring, cacheDirect: false, level: .warn),
        Row(fileSystem: "tmpfs", direct: true, usable: all, aio: .native, cacheDirect: true, level: .warn),
        Row(fileSystem: "cifs", direct: true, usable: all, aio: .threads, cacheDirect: true, level: .warn),
        Row(fileSystem: "nfs", direct: true, usable: all, aio: .native, cacheDirect: true, level: .warn),
        Row(fileSystem: "fuse", direct: false, usable: [.threads], aio: .threads, cacheDirect: false, level: .warn),
    ]

    @Test("Cache and aio follow from the file system and the probes", arguments: rows)
    func choice(row: Row) throws {
        let (decision, findings) = try DiskProbe.choose(fileSystem: row.fileSystem, direct: row.direct, usable: row.usable, vcpus: 2, hostCPUs: 4)
        #expect(decision.aio == row.aio)
        #expect(decision.cacheDirect == row.cacheDirect)
        #expect(decision.fileSystem == row.fileSystem)
        #expect(findings.map(\.level) == [row.level])
        #expect((findings.first?.remedy == nil) == (row.level == .pass))
        // QEMU refuses native without O_DIRECT.
        #expect(decision.aio != .native || decision.cacheDirect)
    }

    @Test("The data disk has a thread of its own only where a core is left for it", arguments: [(1, 2, false), (2, 2, false), (3, 2, true), (8, 1, true)])
    func ioThread(hostCPUs: Int, vcpus: Int, expected: Bool) throws {
        let (decision, _) = try DiskProbe.choose(fileSystem: "ext4", direct: true, usable: Self.all, vcpus: vcpus, hostCPUs: hostCPUs)
        #expect(decision.ioThread == expected)
    }

    @Test("A file system on which no mode works is refused by name")
    func none() {
        let error = #expect(throws: Failure.self) { try DiskProbe.choose(fileSystem: "odd", direct: true, usable: [], vcpus: 1, hostCPUs: 1) }
        #expect(error?.code == .machineProbeFailed)
        #expect(error?.message.contains("'odd'") == true)
    }

    @Test("The installed QEMU opens a disk here, and the probe leaves nothing behind")
    func here() async throws {
        try await Workbench.with { bench in
            let abilities = try await QEMUAbilities.probe()
            let (decision, _) = try await DiskProbe.decide(directory: bench.state.path, abilities: abilities, vcpus: 1, hostCPUs: 1)
            #expect(try !decision.cacheDirect || FileSystems.supportsDirectIO(at: bench.state.path))
            #expect(decision.fileSystem == (try FileSystems.name(at: bench.state.path)))
            #expect(try Files.list(bench.state.path).isEmpty)
        }
    }
}

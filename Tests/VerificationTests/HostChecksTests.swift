import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import Verification

@Suite("Checks on this host")
struct HostChecksTests {
    @Test(
        "A certificate warns a month before its end and fails after it",
        arguments: [(365, .pass), (31, .pass), (30, .warn), (0, .warn), (-1, .fail), (nil, .fail)] as [(Int?, Finding.Level)])
    func certificate(days: Int?, level: Finding.Level) {
        let finding = HostChecks.certificate(days)
        #expect(finding.check == "certificate.expiry")
        #expect(finding.level == level)
        #expect((finding.remedy == nil) == (level == .pass))
    }

    @Test("A data disk is well when it has its size and all of it is allocated")
    func allocation() throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-verify")
        defer { try? Files.remove(directory) }
        let disk = directory.appending("data.raw")
        #expect(HostChecks.allocation(Files.status(disk), asked: .mebibytes(2)).level == .fail)

        let file = try FileDescriptor.open(disk, .writeOnly, options: .create, permissions: .ownerReadWrite)
        try file.closeAfter { try file.resize(to: 2 << 20) }
        let sparse = HostChecks.allocation(Files.status(disk), asked: .mebibytes(2))
        #expect(sparse.level == .fail)
        #expect(sparse.measured == "0 of 2 MiB allocated")
        #expect(sparse.remedy != nil)

        try FileSystems.allocate(disk, size: .mebibytes(2))
        #expect(HostChecks.allocation(Files.status(disk), asked: .mebibytes(2)).level == .pass)
        #expect(HostChecks.allocation(Files.status(disk), asked: .mebibytes(3)).level == .fail)
        #expect(HostChecks.allocation(Files.status(disk), asked: .mebibytes(1)).level == .fail)
    }
}

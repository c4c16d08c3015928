import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

/// A disk that a guest cannot start from, or that is not whole, is refused at the import: later it would be an appliance that never boots.
@Suite("An import refuses")
struct ImageRefusalTests {
    /// What the import of a file is refused with.
    private func refusal(_ path: FilePath, in scratch: FilePath) async throws -> String {
        let cache = ImageCache(directory: scratch.appending("images"))
        let checksum = Files.status(path)?.isRegularFile == true ? try await checksum(of: path) : try ImageChecksum(String(repeating: "0", count: 64))
        do {
            let image = try await cache.importImage(from: path.string, checksum: checksum, name: "x") { _ in }
            return "nothing: \(image)"
        } catch let failure as Failure {
            #expect(failure.code == .imageFormatRefused || failure.code == .fileUnreadable)
            #expect(try cache.list().isEmpty)
            return failure.message
        }
    }

    private func run(_ program: String, _ arguments: [String]) async throws { _ = try await ProgramRunner.check(program, arguments) }

    /// A disk of 64 MiB with a GPT.
    private func gpt(_ path: FilePath, _ arguments: [String]) async throws {
        try await run("truncate", ["--size=64M", path.string])
        try await run("sgdisk", arguments + [path.string])
    }

    @Test("an empty qcow2")
    func emptyQCOW2() async throws {
        try await withScratch { scratch in
            let disk = scratch.appending("x.qcow2")
            try await run("qemu-img", ["create", "-q", "-f", "qcow2", disk.string, "64M"])
            #expect(try await refusal(disk, in: scratch) == "'\(disk)' is an empty disk, or one without a partition table")
        }
    }

    @Test("anything but a file, and says what it is", arguments: [("/dev/null", "a character device"), ("/tmp", "a directory")])
    func notAFile(path: String, kind: String) async throws {
        try await withScratch { scratch in
            let refusal = try await refusal(FilePath(path), in: scratch)
            #expect(refusal == "'\(path)' is \(kind) and not a file")
        }
    }

    @Test("a named pipe and a socket, without waiting for their other end")
    func pipe() async throws {
        try await withScratch { scratch in
            let pipe = scratch.appending("pipe")
            try await run("mkfifo", [pipe.string])
            #expect(try await refusal(pipe, in: scratch) == "'\(pipe)' is a named pipe and not a file")
            let socket = scratch.appending("socket")
            try await run("python3", ["-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", socket.string])
            #expect(try await refusal(socket, in: scratch) == "'\(socket)' is a socket and not a file")
        }
    }

    @Test("a raw disk that was cut short, by a little or by much", arguments: [63, 32, 2])
    func cutRaw(mebibytes: Int) async throws {
        try await withScratch { scratch in
            let disk = scratch.appending("disk.raw")
            try await gpt(disk, ["--new=1:1M:+8M", "--typecode=1:ef00", "--new=2:16M:+40M"])
            try await run("truncate", ["--size=\(mebibytes)M", disk.string])
            let refusal = try await refusal(disk, in: scratch)
            #expect(refusal.contains("cut short: its partition table describes a disk of 67108864 bytes at least, and it has \(mebibytes << 20)"))
        }
    }

    @Test("a raw disk with an old table whose partition is beyond the end")
    func cutOldTable() async throws {
        try await withScratch { scratch in
            let disk = scratch.appending("disk.raw")
            try await gpt(disk, ["--new=1:1M:+60M"])
            try await run("sgdisk", ["--gpttombr=1", disk.string])
            try overwrite(disk, at: 0, [0xFA])
            try await run("truncate", ["--size=20M", disk.string])
            #expect(try await refusal(disk, in: scratch).contains("cut short"))
        }
    }

    @Test("a qcow2 file that was cut short", arguments: [90, 50, 20])
    func cutQCOW2(percent: Int64) async throws {
        try await withScratch { scratch in
            let raw = scratch.appending("disk.raw")
            try await gpt(raw, ["--new=1:1M:+8M", "--typecode=1:ef00", "--new=2:16M:+40M"])
            try await run("dd", ["if=/dev/urandom", "of=\(raw)", "bs=1M", "seek=16", "count=16", "conv=notrunc", "status=none"])
            let disk = scratch.appending("disk.qcow2")
            try await run("qemu-img", ["convert", "-O", "qcow2", raw.string, disk.string])
            let size = try #require(Files.status(disk)).size.bytes
            try await run("truncate", ["--size=\(size * percent / 100)", disk.string])
            #expect(try await refusal(disk, in: scratch).contains("damaged or cut short"))
        }
    }

    @Test("a qcow2 file whose own disk is too small for its partition table")
    func shrunkQCOW2() async throws {
        try await withScratch { scratch in
            let raw = scratch.appending("disk.raw")
            try await gpt(raw, ["--new=1:1M:+8M", "--typecode=1:ef00"])
            try await run("truncate", ["--size=32M", raw.string])
            let disk = scratch.appending("disk.qcow2")
            try await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw.string, disk.string])
            #expect(try await refusal(disk, in: scratch).contains("cut short"))
        }
    }

    @Test("a disk with partitions that nothing starts from, and one without partitions")
    func nothingStarts() async throws {
        try await withScratch { scratch in
            let data = scratch.appending("data.raw")
            try await gpt(data, ["--new=1:1M:+8M", "--typecode=1:8200", "--new=2:16M:+40M"])
            #expect(try await refusal(data, in: scratch).contains("a disk that nothing starts from"))
            let bare = scratch.appending("bare.raw")
            try await gpt(bare, ["--clear"])
            #expect(try await refusal(bare, in: scratch).contains("a disk without a partition"))
            let old = scratch.appending("old.raw")
            try await run("truncate", ["--size=8M", old.string])
            try overwrite(old, at: 510, [0x55, 0xAA])
            #expect(try await refusal(old, in: scratch).contains("a disk without a partition"))
        }
    }

    @Test("nothing of a whole disk with any way to start", arguments: ["efi", "bios", "code", "superfloppy", "grown"])
    func whole(kind: String) async throws {
        try await withScratch { scratch in
            let disk = scratch.appending("disk.raw")
            switch kind {
            case "efi": try await gpt(disk, ["--new=1:1M:+8M", "--typecode=1:ef00"])
            case "bios": try await gpt(disk, ["--new=1:1M:+1M", "--typecode=1:ef02", "--new=2:4M:+8M"])
            case "superfloppy":
                try await run("truncate", ["--size=64M", disk.string])
                try await run("mkfs.vfat", ["-F", "32", disk.string])
            case "grown":
                try await gpt(disk, ["--new=1:1M:+8M", "--typecode=1:ef00"])
                try await run("truncate", ["--size=96M", disk.string])
            default:
                try await gpt(disk, ["--new=1:1M:+8M"])
                try overwrite(disk, at: 0, [0xEB, 0x63])
            }
            let cache = ImageCache(directory: scratch.appending("images"))
            let image = try await cache.importImage(from: disk.string, checksum: checksum(of: disk), name: "x") { _ in }
            #expect(image.firmware == (kind == "efi" || kind == "grown" ? .uefi : .bios))
        }
    }

    @Test("no entry far beyond the disk", arguments: [0x3F_FFFF_FFFF_FFFF, UInt64.max, UInt64.max / 512, 1 << 63])
    func farEntries(address: UInt64) {
        var start = [UInt8](repeating: 0, count: 4_096)
        func put(_ value: UInt64, _ bytes: Int, at offset: Int) {
            for index in 0..<bytes { start[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
        }
        start.replaceSubrange(510..<512, with: [0x55, 0xAA])
        start.replaceSubrange(512..<520, with: Array("EFI PART".utf8))
        put(128, 4, at: 592)
        // The size of an entry, then of a sector: each makes the way to the entries another one.
        for (size, first) in [(512, address), (128, address), (UInt64(UInt32.max), 2), (128, 2)] {
            put(first, 8, at: 584)
            put(size, 4, at: 596)
            put(1, 8, at: 1_024)
            put(address, 8, at: 1_064)
            #expect(DiskImage.firmware(start: start) == .bios)
            if first == 2, size == 128 { #expect(PartitionTable(start: start)?.refusal(size: 1 << 40)?.hasPrefix("cut short") == true) }
        }
    }

    @Test("no bytes by a crash: any mebibyte can be looked at")
    func hostile() {
        var generator = SystemRandomNumberGenerator()
        let efi = Array("EFI PART".utf8)
        for round in 0..<2_000 {
            var start = [UInt8](repeating: 0, count: [0, 512, 1_023, 1_024, 4_096, 1 << 16][round % 6])
            for _ in 0..<40 where !start.isEmpty {
                start[Int.random(in: 0..<min(start.count, 1_200), using: &generator)] = .random(in: 0...255, using: &generator)
            }
            if start.count >= 1_024, round % 3 > 0 { start.replaceSubrange(512..<520, with: efi) }
            if start.count >= 1_024, round % 5 == 0 { start.replaceSubrange(544..<552, with: [UInt8](repeating: 0xFF, count: 8)) }
            if start.count >= 1_024, round % 7 == 0 { start.replaceSubrange(584..<600, with: [UInt8](repeating: 0xFF, count: 16)) }
            if start.count >= 512 { start.replaceSubrange(510..<512, with: [0x55, 0xAA]) }
            _ = PartitionTable(start: start)?.refusal(size: .random(in: 0 ... .max))
            _ = DiskImage.firmware(start: start)
        }
    }
}

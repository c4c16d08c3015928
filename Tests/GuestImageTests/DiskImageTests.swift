import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

@Suite("The format of a disk image")
struct DiskImageTests {
    private func format(_ path: FilePath) throws -> ImageFormat { try DiskImage.format(head: DiskImage.head(of: path), source: path.string) }

    private func refusal(_ path: FilePath) -> Failure? {
        let failure = #expect(throws: Failure.self) { try format(path) }
        #expect(failure?.code == .imageFormatRefused)
        #expect(failure?.remedy != nil)
        return failure
    }

    @Test("raw and qcow2 are told apart, and the firmware is read through both", arguments: [("ef00", Firmware.uefi), ("8300", .bios)])
    func accepted(typecode: String, firmware: Firmware) async throws {
        try await withScratch { scratch in
            let raw = scratch.appending("disk.raw")
            try await makeDisk(raw, typecode: typecode)
            let qcow2 = scratch.appending("disk.qcow2")
            _ = try await ProgramRunner.check("qemu-img", ["convert", "-O", "qcow2", raw.string, qcow2.string])
            for (path, expected) in [(raw, ImageFormat.raw), (qcow2, .qcow2)] {
                #expect(try format(path) == expected)
                let start = try await DiskImage.start(of: path, format: expected, scratch: scratch)
                #expect(DiskImage.firmware(start: start) == firmware)
                #expect(try await DiskImage.virtualSize(of: path, format: expected) == .mebibytes(4))
            }
        }
    }

    @Test("an old partition table is enough, and shows an EFI system partition too", arguments: [("8300", Firmware.bios), ("ef00", .uefi)])
    func masterBootRecord(typecode: String, firmware: Firmware) async throws {
        try await withScratch { scratch in
            let disk = scratch.appending("disk")
            try await makeDisk(disk, typecode: typecode)
            _ = try await ProgramRunner.check("sgdisk", ["--gpttombr=1", disk.string])
            #expect(try format(disk) == .raw)
            #expect(DiskImage.firmware(start: try DiskImage.head(of: disk, length: 1 << 20)) == firmware)
        }
    }

    @Test("a compressed image is refused by the name of its compression", arguments: ["xz", "gzip", "zstd", "bzip2"])
    func compressed(program: String) async throws {
        guard ProgramRunner.lookUp(program) != nil else { return }
        try await withScratch { scratch in
            let packed = try await ProgramRunner.check(program, ["-c"], input: [UInt8](repeating: 7, count: 4_096)).standardOutput
            let file = scratch.appending("disk")
            try Files.write(packed, to: file)
            #expect(refusal(file)?.message.contains(program) == true)
        }
    }

    @Test("an installation medium is refused although it has a boot record")
    func iso() async throws {
        try await withScratch { scratch in
            let iso = scratch.appending("medium.iso")
            try Files.write("hello", to: scratch.appending("file"))
            _ = try await ProgramRunner.check(
                "xorriso", ["-as", "mkisofs", "-quiet", "-o", iso.string, "-partition_offset", "16", scratch.appending("file").string])
            #expect(refusal(iso)?.message.contains("ISO") == true)
        }
    }

    @Test("a qcow2 image that reads other files of the host is refused")
    func pointers() async throws {
        try await withScratch { scratch in
            let base = scratch.appending("base.qcow2")
            let overlay = scratch.appending("overlay.qcow2")
            let external = scratch.appending("external.qcow2")
            _ = try await ProgramRunner.check("qemu-img", ["create", "-q", "-f", "qcow2", base.string, "4M"])
            _ = try await ProgramRunner.check("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.string, overlay.string])
            _ = try await ProgramRunner.check(
                "qemu-img", ["create", "-q", "-f", "qcow2", "-o", "data_file=\(scratch)/data.raw,data_file_raw=on", external.string, "4M"])
            #expect(refusal(overlay)?.message.contains("backing file") == true)
            #expect(refusal(external)?.message.contains("another file") == true)
        }
    }

    @Test("disks of other programs are refused", arguments: [("vmdk", "VMware"), ("vdi", "VirtualBox"), ("vhdx", "Hyper-V"), ("vpc", "VHD")])
    func foreign(format: String, name: String) async throws {
        try await withScratch { scratch in
            let disk = scratch.appending("disk")
            _ = try await ProgramRunner.check("qemu-img", ["create", "-q", "-f", format, disk.string, "4M"])
            #expect(refusal(disk)?.message.contains(name) == true)
        }
    }

    @Test("a file of anything else is refused, also a short and an empty one", arguments: [0, 3, 511, 5_000])
    func nothing(length: Int) async throws {
        try await withScratch { scratch in
            let file = scratch.appending("file")
            try Files.write([UInt8](repeating: 65, count: length), to: file)
            #expect(refusal(file) != nil)
        }
    }
}

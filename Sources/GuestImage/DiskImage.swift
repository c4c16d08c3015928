internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import SystemPackage

/// What the content of a disk image shows. Nothing that the file claims (its name, a backing file) is trusted.
enum DiskImage {
    /// Enough to recognize every known format: an ISO identifies itself 32 KiB into the file.
    static let headLength = 34 << 10

    /// The format of an image, determined from its first bytes.
    /// - Throws: `image.format-refused` for anything but self-contained qcow2 and a raw disk with a partition table.
    static func format(head: [UInt8], source: String) throws -> ImageFormat {
        func refused(_ what: String, _ remedy: String) -> Failure { Failure(.imageFormatRefused, "'\(source)' is \(what)", remedy: remedy) }
        if head.starts(with: Array("QFI".utf8) + [0xFB]) {
            try checkQCOW2(head: head, refused: refused)
            return .qcow2
        }
        for (magic, name, program) in compressions where head.starts(with: magic) {
            throw refused("compressed with \(name)", "unpack it (\(program)) and import the disk image, with the checksum of the unpacked file")
        }
        for (offset, magic, name) in foreign where head.dropFirst(offset).starts(with: Array(magic.utf8)) {
            throw refused("\(name)", "import a qcow2 or raw disk image; 'qemu-img convert -O qcow2' makes one of most formats")
        }
        guard head.count >= 512, head[510] == 0x55, head[511] == 0xAA else {
            throw refused("no disk image: it is neither qcow2 nor has it a partition table", "import a qcow2 or raw image of a whole disk")
        }
        return .raw
    }

    /// The firmware that a disk starts with: UEFI where it has an EFI system partition.
    /// - Parameter start: the first bytes of the disk as a guest sees it, including its partition table.
    static func firmware(start: [UInt8]) -> Firmware { PartitionTable(start: start)?.hasEFISystem == true ? .uefi : .bios }

    /// Refuses a disk that is incomplete, or from which no guest could start.
    /// - Parameter start: the first mebibyte of the disk as a guest sees it.
    /// - Throws: `image.format-refused`, `program.missing`.
    static func check(_ path: FilePath, format: ImageFormat, start: [UInt8], source: String) async throws {
        func refused(_ what: String) -> Failure {
            Failure(.imageFormatRefused, "'\(source)' is \(what)", remedy: "fetch it again, or import another image of a whole disk that starts by itself")
        }
        if format == .qcow2 { try await checkClusters(path, refused: refused) }
        let size = try await virtualSize(of: path, format: format)
        guard let table = PartitionTable(start: start) else { throw refused("an empty disk, or one without a partition table") }
        if let refusal = table.refusal(size: size.bytes) { throw refused(refusal) }
    }

    /// Lets QEMU check whether every part of a qcow2 file is where the file says. Space that is allocated but unused is harmless.
    private static func checkClusters(_ path: FilePath, refused: (String) -> Failure) async throws {
        // A file can be crafted so that the check takes hours.
        let result = try await ProgramRunner.run("timeout", ["--kill-after=5", "600", "qemu-img", "check", "-q", "-f", "qcow2", path.string])
        switch result.status {
        case 0, 3: return
        case 124, 137: throw refused("a qcow2 file that QEMU has not checked within ten minutes")
        default:
            let said = result.errorText.utf8.split(separator: UInt8(ascii: "\n")).first.map { String(decoding: $0.prefix(300), as: UTF8.self) }
            throw refused("a qcow2 file that is damaged or cut short\(said.map { ": \($0)" } ?? "")")
        }
    }

    /// The size of the disk as a guest sees it.
    static func virtualSize(of path: FilePath, format: ImageFormat) async throws -> ByteSize {
        struct Information: Decodable {
            let virtualSize: Int64
            enum CodingKeys: String, CodingKey { case virtualSize = "virtual-size" }
        }
        let result = try await ProgramRunner.check("qemu-img", ["info", "--output=json", "-f", format.rawValue, path.string])
        return ByteSize(bytes: try JSONDecoder().decode(Information.self, from: Data(result.standardOutput)).virtualSize)
    }

    /// The first mebibyte of the disk as a guest sees it.
    static func start(of path: FilePath, format: ImageFormat, scratch: FilePath) async throws -> [UInt8] {
        guard format == .qcow2 else { return try head(of: path, length: 1 << 20) }
        let copy = scratch.appending("start")
        _ = try await ProgramRunner.check(
            "qemu-img", ["dd", "-f", "qcow2", "-O", "raw", "bs=1M", "count=1", "if=\(path)", "of=\(copy)"])
        defer { try? Files.remove(copy) }
        return try Files.read(copy)
    }

    /// The first bytes of a file.
    static func head(of path: FilePath, length: Int = headLength) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        return try file.closeAfter {
            var bytes = [UInt8](repeating: 0, count: length)
            var filled = 0
            while filled < length {
                let count = try bytes.withUnsafeMutableBytes { buffer in
                    try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
                }
                if count == 0 { break }
                filled += count
            }
            return Array(bytes[..<filled])
        }
    }

    /// A qcow2 file may refer to other files on the host, which a guest could then read: such a file is refused by its header.
    private static func checkQCOW2(head: [UInt8], refused: (String, String) -> Failure) throws {
        guard head.count >= 72, (2...3).contains(bigEndian(head, at: 4, bytes: 4)) else {
            throw refused("a qcow file of an unknown version", "convert it: qemu-img convert -O qcow2")
        }
        let whole = "import an image that is whole in one file: qemu-img convert -O qcow2 makes one"
        guard bigEndian(head, at: 8, bytes: 8) == 0 else { throw refused("an overlay that needs a backing file", whole) }
        guard bigEndian(head, at: 32, bytes: 4) == 0 else { throw refused("encrypted", "decrypt it first: qemu-img convert") }
        if bigEndian(head, at: 4, bytes: 4) == 3 {
            // Bit 0: not closed cleanly; bit 1: corrupt; bit 2: the data is in another file.
            let features = bigEndian(head, at: 72, bytes: 8)
            guard features & 4 == 0 else { throw refused("a qcow2 file whose data is in another file", whole) }
            guard features & 2 == 0 else { throw refused("a qcow2 file marked as corrupt", "fetch it again") }
        }
    }

    private static func bigEndian(_ bytes: [UInt8], at offset: Int, bytes count: Int) -> UInt64 {
        guard bytes.count >= offset + count else { return 0 }
        return bytes[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static let compressions: [([UInt8], String, String)] = [
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "xz", "unxz"), ([0x1F, 0x8B], "gzip", "gunzip"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd", "unzstd"),
        (Array("BZh".utf8), "bzip2", "bunzip2"), (Array("PK\u{3}\u{4}".utf8), "zip", "unzip"),
    ]

    private static let foreign: [(Int, String, String)] = [
        (32_769, "CD001", "an ISO image, an installation medium and not a disk"), (0, "KDMV", "a VMware disk"), (0, "# Disk DescriptorFile", "a VMware disk"),
        (0, "vhdxfile", "a Hyper-V disk"), (0, "conectix", "a VHD disk"), (64, "\u{7F}\u{10}", "a VirtualBox disk"), (0, "<<< ", "a VirtualBox disk"),
        (257, "ustar", "a tar archive"),
    ]
}

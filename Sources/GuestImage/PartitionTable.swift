internal import ApplianceModel
internal import Basics

/// What the first mebibyte of a disk shows about its partitions and how it starts. None of its numbers can be trusted.
struct PartitionTable: Equatable, Sendable {
    struct Partition: Equatable, Sendable {
        /// On a disk with a GPT, the sixteen bytes of the type; otherwise the single byte of the old table.
        let type: [UInt8]
        /// Bytes from the start of the disk to the end of the partition.
        let end: Int64
    }

    let partitions: [Partition]
    /// Whether the disk has a GPT.
    let isGPT: Bool
    /// The minimum size of the disk according to the table, including the copy of a GPT at the end of the disk.
    let neededSize: Int64
    /// Whether a BIOS would find a program in the first sector.
    let hasBootCode: Bool
    /// Whether a file system begins at the start of the disk.
    let hasFileSystem: Bool

    /// - Parameter start: the first bytes of the disk as a guest sees it.
    /// - Returns: nil where the disk has neither a GPT nor the mark of a boot sector.
    init?(start: [UInt8]) {
        guard start.count >= 2 * Self.sector else { return nil }
        hasBootCode = start[..<440].contains { $0 != 0 }
        hasFileSystem = Self.fileSystems.contains { offset, magic in start.dropFirst(offset).starts(with: magic) }
        isGPT = start[Self.sector...].starts(with: Array("EFI PART".utf8))
        if isGPT {
            partitions = Self.entries(of: start)
            neededSize = max(Self.bytes(sectors: number(start, at: Self.sector + 32, bytes: 8).addingSaturated(1)), partitions.map(\.end).max() ?? 0)
        } else {
            guard start[510] == 0x55, start[511] == 0xAA else { return nil }
            partitions = stride(from: 446, to: 510, by: 16).compactMap { entry in
                let type = start[entry + 4]
                let first = number(start, at: entry + 8, bytes: 4)
                let count = number(start, at: entry + 12, bytes: 4)
                // 0xEE announces a GPT, but there is none.
                guard type != 0, type != 0xEE, count > 0 else { return nil }
                return Partition(type: [type], end: Self.bytes(sectors: first + count))
            }
            neededSize = partitions.map(\.end).max() ?? 0
        }
    }

    /// Whether the disk has an EFI system partition.
    var hasEFISystem: Bool { partitions.contains { $0.type == (isGPT ? Self.efiSystem : [0xEF]) } }

    /// Why no guest could start from the disk; nil where a guest may.
    /// - Parameter size: the size of the disk as a guest sees it, in bytes.
    func refusal(size: Int64) -> String? {
        guard neededSize <= size else {
            return "cut short: its partition table describes a disk of \(neededSize) bytes at least, and it has \(size)"
        }
        if partitions.isEmpty, !(hasFileSystem && hasBootCode) { return "a disk without a partition: there is nothing that a guest could start from" }
        let startsByItself = hasEFISystem || hasBootCode || isGPT && partitions.contains { $0.type == Self.biosBoot }
        return startsByItself ? nil : "a disk that nothing starts from: it has neither an EFI system partition nor a boot loader in its first sector"
    }

    private static let sector = 512
    /// More entries than any tool writes; the standard has 128.
    private static let mostEntries = 1_024

    private static func entries(of start: [UInt8]) -> [Partition] {
        let first = Int(clamping: number(start, at: sector + 72, bytes: 8))
        let count = Int(number(start, at: sector + 80, bytes: 4))
        let size = Int(number(start, at: sector + 84, bytes: 4))
        guard (1...start.count / sector).contains(first), count <= mostEntries, (128...4_096).contains(size) else { return [] }
        return (0..<count).compactMap { index in
            let entry = first * sector + index * size
            guard entry + 128 <= start.count else { return nil }
            let type = Array(start[entry..<entry + 16])
            guard type.contains(where: { $0 != 0 }) else { return nil }
            return Partition(type: type, end: bytes(sectors: number(start, at: entry + 40, bytes: 8).addingSaturated(1)))
        }
    }

    private static func bytes(sectors: UInt64) -> Int64 {
        let (bytes, overflow) = Int64(clamping: sectors).multipliedReportingOverflow(by: Int64(sector))
        return overflow ? .max : bytes
    }

    /// C12A7328-F81F-11D2-BA4B-00A0C93EC93B in the disk's byte order.
    private static let efiSystem: [UInt8] = [
        0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11, 0xBA, 0x4B, 0x00, 0xA0, 0xC9, 0x3E, 0xC9, 0x3B,
    ]
    /// 21686148-6449-6E6F-744E-656564454649
    private static let biosBoot = Array("Hah!IdontNeedEFI".utf8)

    /// Where known file systems have their magic number: ext2 to ext4, XFS, Btrfs, FAT.
    private static let fileSystems: [(Int, [UInt8])] = [
        (1_080, [0x53, 0xEF]), (0, Array("XFSB".utf8)), (65_600, Array("_BHRfS_M".utf8)), (54, Array("FAT".utf8)), (82, Array("FAT32".utf8)),
    ]
}

private func number(_ bytes: [UInt8], at offset: Int, bytes count: Int) -> UInt64 {
    bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
}

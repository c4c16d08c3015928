internal import Basics
internal import Crypto

/// The positions of a built image's partitions, and the identifiers that the boot loader and fstab use for them.
struct DiskLayout: Sendable {
    static let espOffset = ByteSize.mebibytes(1)
    static let espSize = ByteSize.mebibytes(512)
    static let rootOffset = ByteSize.mebibytes(513)
    /// Space for the packages and their updates; the first boot enlarges it to the machine's disk.
    static let rootSize = ByteSize.mebibytes(3_000)
    /// The last mebibyte holds the second partition table.
    static let diskSize = ByteSize(bytes: rootOffset.bytes + rootSize.bytes + (1 << 20))

    let espUUID: String
    let rootUUID: String

    /// Makes a layout with new identifiers.
    init() {
        espUUID = Self.randomUUID()
        rootUUID = Self.randomUUID()
    }

    /// Arguments of sgdisk; the type codes are those of an EFI system partition and of an x86-64 root.
    func partitionArguments(disk: String) -> [String] {
        [
            "--clear", "--set-alignment=2048", "--new=1:\(Self.espOffset.mebibytes)M:+\(Self.espSize.mebibytes)M", "--typecode=1:ef00",
            "--change-name=1:esp", "--partition-guid=1:\(espUUID)",
            "--new=2:\(Self.rootOffset.mebibytes)M:+\(Self.rootSize.mebibytes)M", "--typecode=2:8304", "--change-name=2:root",
            "--partition-guid=2:\(rootUUID)", disk,
        ]
    }

    /// Arguments of mkfs.vfat for the EFI system partition.
    func espArguments(disk: String) -> [String] {
        ["-F", "32", "-n", "ESP", "--offset", String(Self.espOffset.bytes / 512), disk, String(Self.espSize.bytes >> 10)]
    }

    /// A random (version 4) UUID.
    private static func randomUUID() -> String {
        var bytes = SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = Array(bytes.hexadecimal)
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }
}

import HostSystem
import SystemPackage
import TestSupport

/// A disk that firmware accepts and that starts nothing: a GPT with an EFI system partition in which there is no loader.
enum BlankDisk {
    /// Every one is the same, byte for byte.
    static func make(in directory: FilePath) async throws -> FilePath {
        let disk = directory.appending("blank.raw")
        _ = try await ProgramRunner.check("truncate", ["--size=64M", disk.string])
        _ = try await ProgramRunner.check(
            "sgdisk", ["--new=1:2048:0", "--typecode=1:ef00", "--disk-guid=\(identifier(1))", "--partition-guid=1:\(identifier(2))", disk.string])
        _ = try await ProgramRunner.check("mkfs.vfat", ["--invariant", "--offset=2048", disk.string, "64000"])
        return disk
    }

    private static func identifier(_ number: Int) -> String { "00000000-0000-4000-8000-00000000000\(number)" }

    /// Brings such a disk into the cache.
    /// - Returns: the name of the image.
    static func importImage(into home: PGKVMHome, name: String) async throws -> String {
        let disk = try await make(in: home.path)
        let sum = try await ProgramRunner.check("sha256sum", [disk.string]).outputText.prefix(64)
        try await home.check("image", "import", disk.string, "--checksum", "sha256:\(sum)", "--name", name)
        try Files.remove(disk)
        return name
    }
}

import HostSystem
import SystemPackage
import TestSupport

/// A disk that firmware accepts and that starts nothing: a GPT with an EFI system partition in which there is no loader.
enum BlankDisk {
    static func make(in directory: FilePath) async throws -> FilePath {
        let disk = directory.appending("blank.raw")
        _ = try await ProgramRunner.check("truncate", ["--size=64M", disk.string])
        _ = try await ProgramRunner.check("sgdisk", ["--new=1:2048:0", "--typecode=1:ef00", disk.string])
        _ = try await ProgramRunner.check("mkfs.vfat", ["--offset=2048", disk.string, "64000"])
        return disk
    }

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

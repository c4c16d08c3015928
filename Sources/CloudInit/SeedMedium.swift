internal import ApplianceModel
internal import Basics
internal import HostSystem
package import SystemPackage

/// The NoCloud medium: a small ISO 9660 image that cloud-init finds by its label.
package enum SeedMedium {
    /// The label that cloud-init looks for.
    package static let volumeLabel = "cidata"

    /// Writes the medium with mode 0600, completely or not at all; the same files give the same bytes.
    ///
    /// The files are for a moment in a directory of mode 0700 beside the target, which is then removed; a directory that a killed run left is
    /// removed first. The caller holds the lock of the target's directory.
    /// - Throws: `program.missing`, `program.failed`, `file.unwritable`.
    package static func write(_ files: SeedFiles, to path: FilePath) async throws {
        let image = try await WorkDirectory.use(in: path.removingLastComponent(), name: ".seed") { try await build(files, in: $0) }
        try Files.write(image, to: path, mode: .ownerReadWrite)
    }

    /// Renders the seed and writes its medium.
    /// - Throws: as `write(_:to:)` of files, and `seed.invalid`, `template.invalid`.
    package static func write(_ seed: Seed, templates: SeedTemplates = .builtin, to path: FilePath) async throws {
        try await write(try seed.render(templates: templates), to: path)
    }

    private static func build(_ files: SeedFiles, in work: FilePath) async throws -> [UInt8] {
        let content = work.appending("content")
        try Files.createDirectory(content)
        try files.userData.withRevealed { try Files.write($0, to: content.appending("user-data")) }
        try Files.write(files.metaData, to: content.appending("meta-data"))
        try Files.write(files.networkConfig, to: content.appending("network-config"))
        let image = work.appending("seed.iso")
        // The same time for every timestamp, otherwise each image would be different.
        _ = try await ProgramRunner.check(
            "xorriso",
            [
                "-no_rc", "-as", "mkisofs", "-quiet", "-volid", volumeLabel, "-joliet", "-rational-rock", "--set_all_file_dates", "2000010100000000",
                "-output", image.string, content.string,
            ], environment: ["SOURCE_DATE_EPOCH": "946684800", "TZ": "UTC"])
        return try Files.read(image)
    }
}

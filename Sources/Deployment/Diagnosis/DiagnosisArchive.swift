package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import Quoting
package import SystemPackage

/// The archive that holds a diagnosis.
package enum DiagnosisArchive {
    /// `pgkvm-orders-20261122T104500Z`: the archive's own directory, and its name without the ending.
    package static func stem(_ name: ApplianceName) -> String {
        "pgkvm-\(name)-\(Date.now.ISO8601Format().filter { $0.isNumber || $0 == "T" || $0 == "Z" })"
    }

    /// Writes a compressed tar archive, mode 0600, whose entries are all in one directory.
    /// - Throws: `input.invalid` if a file of this name exists; `program.missing`, `program.failed`, `file.unwritable`.
    package static func write(_ entries: [Diagnosis.Entry], directory: String, to path: FilePath) async throws {
        guard Files.status(path, followLinks: false) == nil else { throw taken(path) }
        let work = try Files.createTemporaryDirectory(in: path.removingLastComponent().isEmpty ? "." : path.removingLastComponent(), prefix: ".pgkvm-diagnose")
        defer { try? Files.remove(work) }
        let place = work.appending(directory)
        for entry in entries {
            let file = place.appending(entry.name.split(at: "/").compactMap { FilePath.Component(String($0)) })
            try Files.createDirectory(file.removingLastComponent())
            try Files.write(entry.bytes, to: file)
        }
        let archive = try await ProgramRunner.check(
            "tar",
            [
                "--create", "--gzip", "--file=-", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--directory=\(work)", "--", directory,
            ])
        guard try Files.writeNew(archive.standardOutput, to: path) else { throw taken(path) }
    }

    private static func taken(_ path: FilePath) -> Failure {
        Failure(.invalidInput, "'\(path)' is there already, and is not overwritten", remedy: "name another file with --output")
    }
}

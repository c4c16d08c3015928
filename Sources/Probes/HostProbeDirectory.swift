internal import ApplianceModel
package import Basics
internal import HostSystem
package import SystemPackage

/// pgkvm's directory on the host, beside the file that holds the data disk, for files to measure with.
package struct HostProbeDirectory {
    package static let prefix = ".disk-probe"
    package static let fileName = "file"

    package let path: FilePath
    package var file: FilePath { path.appending(Self.fileName) }

    /// Removes what killed runs left in `parent`, creates a directory there, runs `body`, and removes the directory in any case.
    /// - Parameter room: the space that must be free there.
    /// - Throws: `NotMeasured` if the host has no space.
    package static func with<Value>(
        in parent: FilePath, room needed: ByteSize = ByteSize(bytes: FioJob.fileSize + GuestProbeDirectory.spare),
        _ body: (HostProbeDirectory) async throws -> Value
    ) async throws -> Value {
        try Files.removeAbandoned(in: parent)
        guard try Files.freeSpace(at: parent) >= needed else {
            throw NotMeasured(reason: "fewer than \(needed) are free at '\(parent)' on this host", remedy: "free space on this host, then verify again")
        }
        let directory = HostProbeDirectory(path: try Files.createTemporaryDirectory(in: parent, prefix: prefix))
        do {
            let value = try await body(directory)
            try Files.remove(directory.path)
            return value
        } catch {
            try? Files.remove(directory.path)
            throw error
        }
    }

    /// Runs fio on this host, inside the directory: fio would interpret a colon in a path as the end of a name.
    package func run(_ job: FioJob) async throws -> FioOutput {
        let seconds = "\(job.limit.components.seconds)"
        let result = try await ProgramRunner.check("timeout", ["-k", "5", seconds, "fio"] + job.arguments, workingDirectory: path)
        return try FioOutput(result.standardOutput)
    }

    package func fill() async throws { _ = try await run(.fill(Self.fileName)) }
}

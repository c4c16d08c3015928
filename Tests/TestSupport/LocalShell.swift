internal import HostSystem
package import SecureShell
internal import SystemPackage

/// This host in a guest's place.
package struct LocalShell: RemoteShell {
    package init() {}

    package func run(_ command: ShellCommand, input: [UInt8], timeout: Duration) async throws -> ShellResult {
        let result = try await ProgramRunner.run("sh", ["-c", command.text], input: input)
        return ShellResult(status: result.status, standardOutput: result.standardOutput, standardError: result.standardError)
    }

    package func upload(_ bytes: [UInt8], to path: String, mode: UInt16) async throws {
        try Files.write(bytes, to: FilePath(path), mode: FilePermissions(rawValue: CModeT(mode)))
    }

    package func download(_ path: String, limit: Int) async throws -> [UInt8] { try Files.read(FilePath(path)) }
}

internal import ApplianceModel
package import HostSystem
package import SystemPackage

extension Files {
    /// Writes a program that can be run at once. A process of its own writes it: one that another test starts at that moment would have
    /// a descriptor of ours open for writing until it becomes another program, and what is open for writing cannot be run.
    package static func writeProgram(_ bytes: some Sequence<UInt8>, to path: FilePath) async throws {
        _ = try await ProgramRunner.check("install", ["-m", "0700", "/dev/stdin", path.string], input: Array(bytes))
    }
}

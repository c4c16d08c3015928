import HostSystem
import SystemPackage

/// Runs `body` in a new directory, and removes it with all that is in it.
func withTemporaryDirectory<Value>(_ body: (FilePath) async throws -> Value) async throws -> Value {
    let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-host-system")
    defer { try? Files.remove(directory) }
    return try await body(directory)
}

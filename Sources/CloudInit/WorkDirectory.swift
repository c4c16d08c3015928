internal import HostSystem
internal import Quoting
internal import SystemPackage

/// A directory of mode 0700 for files that contain secrets and are needed only for a moment.
enum WorkDirectory {
    /// Makes the directory, passes it to `body` and removes it, also when `body` throws. A directory with the same name that a killed run
    /// left in `parent` is removed first.
    static func use<Value>(in parent: FilePath, name: String, _ body: (FilePath) async throws -> Value) async throws -> Value {
        for entry in try Files.list(parent) where entry.begins(with: "\(name).") && entry.split(at: ".").count == 3 {
            try Files.remove(parent.appending(entry))
        }
        let directory = try Files.createTemporaryDirectory(in: parent, prefix: name)
        let value: Value
        do {
            value = try await body(directory)
        } catch {
            // The first error is the one to report.
            try? Files.remove(directory)
            throw error
        }
        try Files.remove(directory)
        return value
    }
}

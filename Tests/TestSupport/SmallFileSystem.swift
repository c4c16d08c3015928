internal import HostSystem
package import SystemPackage

/// A file system of a few bytes, mounted in the mount namespace of a process of its own.
package enum SmallFileSystem {
    package static var isPossible: Bool {
        get async { (try? await ProgramRunner.run("unshare", ["--mount", "true"]))?.status == 0 }
    }

    /// - Parameters:
    ///   - size: as tmpfs takes it, such as `4m`.
    ///   - body: gets a path to it that is good in every namespace.
    package static func with<Value>(size: String, at mountPoint: FilePath, _ body: (_ root: FilePath) async throws -> Value) async throws -> Value {
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        let holder = Task {
            defer { continuation.finish() }
            // Ends by itself after a test that was killed.
            let script = #"mount -t tmpfs -o size="$1" none "$0" && echo $$ >&2 && exec sleep 1200"#
            return try await ProgramRunner.run("unshare", ["--mount", "sh", "-c", script, mountPoint.string, size]) { continuation.yield($0) }
        }
        let line = await lines.first { _ in true } ?? ""
        do {
            guard let process = Int32(line) else { throw UnmountedFileSystem(reason: line) }
            let value = try await body(FilePath("/proc/\(process)/root").appending(mountPoint.components))
            holder.cancel()
            _ = await holder.result
            return value
        } catch {
            holder.cancel()
            _ = await holder.result
            throw error
        }
    }
}

struct UnmountedFileSystem: Error {
    let reason: String
}

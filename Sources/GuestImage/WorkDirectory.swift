internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// The place where an image is made: a directory beside the finished ones, with a name that no image has, and a scratch directory that
/// the users of mmdebstrap's namespace can reach.
struct WorkDirectory: Sendable {
    private static let prefix = ".work"

    let path: FilePath

    /// The lock that mmdebstrap holds for as long as it lives, even after pgkvm has ended.
    var lock: FilePath { path.appending("lock") }
    /// Stores the name of the scratch directory for the program that has to remove it.
    private var scratchRecord: FilePath { path.appending("scratch") }

    init(in cache: FilePath) throws { path = try Files.createTemporaryDirectory(in: cache, prefix: Self.prefix) }

    private init(path: FilePath) { self.path = path }

    /// The directory for temporary files.
    static var scratchParent: FilePath { FilePath(EnvironmentVariable.value("TMPDIR") ?? "/tmp") }

    /// Makes the scratch directory with the directory `keyrings` in it, after its name has been saved to disk.
    func makeScratch() async throws -> FilePath {
        let scratch = Self.scratchParent.appending("pgkvm-image\(path.lastComponent?.string ?? "")")
        try Files.write(scratch.string, to: scratchRecord)
        let keyrings = scratch.appending("keyrings")
        try Files.createDirectory(scratch)
        try Files.createDirectory(keyrings)
        // Independent of the umask: the namespace's users pass through the first and list the second.
        _ = try await ProgramRunner.check("chmod", ["0711", scratch.string])
        _ = try await ProgramRunner.check("chmod", ["0755", keyrings.string])
        return scratch
    }

    /// Removes the scratch directory. The files that mmdebstrap left in it belong to users of its namespace, so these remove them.
    func removeScratch() async throws {
        guard let name = try Files.readIfPresent(scratchRecord) else { return }
        let scratch = FilePath(String(decoding: name, as: UTF8.self))
        for left in try Files.list(scratch) where left.begins(with: "mmdebstrap.") {
            let directory = scratch.appending(left).string
            _ = try await ProgramRunner.run("mmdebstrap", ["--unshare-helper", "find", directory, "-xdev", "-mindepth", "1", "-delete"])
        }
        try Files.remove(scratch)
    }

    /// Removes the directory and the scratch directory.
    func remove() async throws {
        try await removeScratch()
        try Files.remove(path)
    }

    /// Removes what dead builds left. A build whose mmdebstrap is still running is left to a later call.
    /// The caller holds the lock of the cache.
    static func removeLeftovers(in cache: FilePath, progress: (ImageProgress) -> Void) async throws {
        for name in try Files.list(cache) where name.hasPrefix(prefix) {
            let left = WorkDirectory(path: cache.appending(name))
            guard try FileLock.tryAcquire(left.lock) != nil else { continue }
            progress("removing what an interrupted build left")
            try await left.remove()
        }
    }
}

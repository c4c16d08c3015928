package import ApplianceModel
package import Basics
internal import HostSystem
internal import SystemPackage

extension ImageCache {
    /// What prevents this host and user from building the image of a release; empty when a build can begin. Only looks.
    package func obstacles(to release: DebianRelease) async -> [Failure] {
        var found: [Failure] = []
        func note(_ body: () async throws -> Void) async {
            do { try await body() } catch let failure as Failure { found.append(failure) } catch {
                found.append(Failure(.imageBuildImpossible, "whether an image can be built here cannot be found out", cause: error))
            }
        }
        await note { _ = try await mirror(for: release) }
        for program in ImageBuilder.programs { await note { _ = try ProgramRunner.find(program) } }
        // If the program is missing, only that is reported.
        if let program = ProgramRunner.lookUp("mmdebstrap") {
            await note { _ = try await RecentHost.namespaces.answer(to: program.string) { try await BuildNamespace.available() } }
        }
        await note { try BuildSpace(cache: directory).check() }
        return found
    }
}

/// The space that a build needs while it runs.
struct BuildSpace: Sendable {
    let cache: FilePath
    var scratch: FilePath = WorkDirectory.scratchParent

    /// The disk with its blocks, and its copy as qcow2.
    static let inCache = ByteSize.gibibytes(2)
    /// The system as mmdebstrap unpacks it.
    static let inScratch = ByteSize.gibibytes(2)

    /// - Throws: `disk.full`.
    func check() throws {
        let cache = Self.existing(cache)
        let scratch = Self.existing(scratch)
        guard let ofCache = Files.status(cache), let ofScratch = Files.status(scratch) else { return }
        let isShared = ofCache.device == ofScratch.device
        let needed = ByteSize(bytes: Self.inCache.bytes + (isShared ? Self.inScratch.bytes : 0))
        try check(cache, needed, "the images' cache", "set XDG_CACHE_HOME")
        if !isShared { try check(scratch, Self.inScratch, "temporary files", "set TMPDIR") }
    }

    private func check(_ place: FilePath, _ needed: ByteSize, _ what: String, _ advice: String) throws {
        let free = try Files.freeSpace(at: place)
        guard free < needed else { return }
        throw Failure(
            .diskFull, "building an image takes \(needed.mebibytes) MiB for \(what), and \(free.mebibytes) MiB are free in '\(place)'",
            remedy: "free space, or \(advice) to a directory that has it")
    }

    /// The directory, or the nearest directory above it that exists.
    private static func existing(_ path: FilePath) -> FilePath {
        var path = path
        while !Files.exists(path), path.removeLastComponent() {}
        return path.isEmpty ? "/" : path
    }
}

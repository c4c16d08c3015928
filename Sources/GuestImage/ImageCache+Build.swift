package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import Glibc
internal import HostSystem
internal import PostgresServer
internal import SystemPackage

extension ImageCache {
    /// The image of a release, built unless the cache has it.
    ///
    /// Waits for another build that is already running.
    /// - Parameters:
    ///   - rebuild: builds even when there is an image already, to include security updates.
    ///   - progress: called with a description of the current work.
    /// - Throws: `image.mirror-missing`, `image.build-impossible`, `image.verification-failed`, `program.missing`,
    ///   `program.failed`, `file.unwritable`.
    package func build(
        _ release: DebianRelease, rebuild: Bool = false, progress: @escaping @Sendable (ImageProgress) -> Void
    ) async throws -> CachedImage {
        let recipe = ImageRecipe(release: release, mirror: try await mirror(for: release))
        let before = try image(key: recipe.key)
        if let before, !rebuild { return before }
        return try await exclusively(progress: progress) { work in
            // The build that was waited for may have made it.
            if let now = try image(key: recipe.key), !rebuild || now != before { return now }
            progress("building \(release.rawValue) from \(AptURI(recipe.mirror.main.uri).shown)")
            let product = try await ImageBuilder(recipe: recipe, work: work, progress: progress).build()
            return try await keep(
                product.disk, catalogue: product.catalogue, work: work, key: recipe.key, name: release.rawValue, origin: .built(release), format: .qcow2,
                firmware: .uefi,
                postgresqlVersion: release.postgresqlVersion)
        }
    }

    /// Runs `body` while no one else adds to the cache, with a work directory that is removed afterwards.
    func exclusively(
        progress: @escaping @Sendable (ImageProgress) -> Void, _ body: (WorkDirectory) async throws -> CachedImage
    ) async throws -> CachedImage {
        try Files.createDirectory(directory)
        let lock = try await FileLock.acquire(directory.appending(".lock")) { progress("waiting for another build or import to finish") }
        defer { withExtendedLifetime(lock) {} }
        try await WorkDirectory.removeLeftovers(in: directory, progress: progress)
        let work = try WorkDirectory(in: directory)
        do {
            let image = try await body(work)
            try await work.remove()
            return image
        } catch {
            // A cancelled task could not run the cleanup programs.
            try? await withoutCancellation { try await work.remove() }
            throw error
        }
    }

    /// Adds a finished disk to the cache as an image, in one durable step.
    func keep(
        _ disk: FilePath, catalogue: ServerCatalogue?, work: WorkDirectory, key: String, name: String, origin: CachedImage.Origin, format: ImageFormat,
        firmware: Firmware,
        postgresqlVersion: Int?
    ) async throws -> CachedImage {
        let image = CachedImage(
            formatVersion: CachedImage.currentFormat, key: key, name: name, origin: origin, format: format, firmware: firmware,
            virtualSize: try await DiskImage.virtualSize(of: disk, format: format), postgresqlVersion: postgresqlVersion,
            created: Date.now.formatted(.iso8601))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let finished = work.path.appending("image")
        try Files.createDirectory(finished)
        try Files.rename(disk, to: finished.appending("disk.\(format.rawValue)"))
        try synchronize(finished.appending("disk.\(format.rawValue)"))
        try Files.write([UInt8](try encoder.encode(image)) + [UInt8(ascii: "\n")], to: finished.appending("image.json"))
        if let catalogue { try Files.write(catalogue.encoded(), to: finished.appending(Self.catalogueName)) }
        try discard(path(key))
        try Files.rename(finished, to: path(key))
        return image
    }

    /// Makes the content of a file durable.
    private func synchronize(_ path: FilePath) throws {
        let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        try file.closeAfter {
            guard fsync(file.rawValue) == 0 else {
                throw Failure(.fileUnwritable, "cannot write '\(path)'", cause: Errno(rawValue: errno))
            }
        }
    }
}

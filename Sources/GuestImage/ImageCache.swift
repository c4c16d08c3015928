package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
package import SystemPackage

/// The base images of this host: one directory for each, named by the key of the content, with `image.json` and the disk inside.
///
/// A directory appears complete, by a rename: a directory whose name is not a key is work in progress or what is left of it.
package struct ImageCache: Sendable {
    package let directory: FilePath
    let packaging: HostPackaging

    /// - Parameter directory: need not exist yet.
    package init(directory: FilePath) { self.init(directory: directory, packaging: HostPackaging()) }

    init(directory: FilePath, packaging: HostPackaging) {
        self.directory = directory
        self.packaging = packaging
    }

    /// All images, sorted by name, and the newest first for each name.
    /// - Throws: `format.newer`, `image.damaged`, `file.unreadable`.
    package func list() throws -> [CachedImage] {
        try Files.list(directory).filter(Self.isKey).compactMap(image(key:)).sorted { ($0.name, $1.created) < ($1.name, $0.created) }
    }

    /// The image for a choice. For a release that is the image that `build` would make now; where the host's apt cannot report
    /// which one that would be, it is the newest one built for the release.
    /// - Returns: nil when the cache has none.
    /// - Throws: `format.newer`, `image.damaged`, `image.ambiguous`.
    package func find(_ choice: ImageChoice) async throws -> CachedImage? {
        switch choice {
        case .release(let release):
            guard let mirror = try? await mirror(for: release) else { return try list().first { $0.origin == .built(release) } }
            return try image(key: ImageRecipe(release: release, mirror: mirror).key)
        case .cached(let name):
            let found = try matches(name)
            guard found.count <= 1 else {
                throw Failure(
                    .imageAmbiguous, "'\(name)' means \(found.count) images: \(found.map { $0.key.prefix(12) }.joined(separator: ", "))",
                    remedy: "give more of the key, as 'pgkvm image list' shows it")
            }
            return found.first
        }
    }

    /// The archives from which an image would be built now.
    /// - Throws: `image.mirror-missing`.
    func mirror(for release: DebianRelease) async throws -> DebianMirror {
        try await RecentHost.mirrors.answer(to: MirrorQuestion(packaging: packaging, release: release)) { try await packaging.mirror(for: release) }
    }

    /// The packages in the image of a release, in addition to Debian's minimum and the server's own packages.
    package static func packages(of release: DebianRelease) -> [String] { ImageRecipe.packages(of: release) }

    /// A step-by-step log of the commands that add to the cache.
    package var debugLog: FilePath { directory.appending(".pgkvm.log") }

    /// The disk of an image.
    package func diskPath(_ image: CachedImage) -> FilePath { path(image.key).appending("disk.\(image.format.rawValue)") }

    /// Removes every image with the name, or the one whose key begins with it (at least eight digits).
    ///
    /// Appliances that were made from an image keep their own copy.
    /// - Throws: `image.unknown`, `image.ambiguous`, `file.unwritable`.
    package func delete(_ nameOrKey: String) throws {
        let found = try matches(nameOrKey)
        guard let first = found.first else {
            let suggestion = Suggestion.text(for: nameOrKey, among: try list().map(\.name))
            throw Failure(.imageUnknown, "there is no image '\(nameOrKey)' in the cache\(suggestion)", remedy: "see 'pgkvm image list'")
        }
        if found.count > 1, first.name != nameOrKey {
            throw Failure(.imageAmbiguous, "'\(nameOrKey)' begins the keys of \(found.count) images", remedy: "give more of the key")
        }
        for image in found { try discard(path(image.key)) }
    }

    /// Removes an image's directory; a partly removed directory does not count as an image.
    func discard(_ path: FilePath) throws {
        guard Files.exists(path) else { return }
        let doomed = directory.appending(".deleted.\(UInt32.random(in: 0 ... .max))")
        try Files.rename(path, to: doomed)
        try Files.remove(doomed)
    }

    func path(_ key: String) -> FilePath { directory.appending(key) }

    private func matches(_ nameOrKey: String) throws -> [CachedImage] {
        let all = try list()
        let named = all.filter { $0.name == nameOrKey }
        if !named.isEmpty || nameOrKey.utf8.count < 8 { return named }
        return all.filter { $0.key.hasPrefix(nameOrKey) }
    }

    /// Reads the description of an image.
    /// - Returns: nil when there is no image with the key.
    func image(key: String) throws -> CachedImage? {
        let file = path(key).appending("image.json")
        guard let bytes = try Files.readIfPresent(file) else { return nil }
        struct Versioned: Decodable { let formatVersion: Int }
        do {
            let version = try JSONDecoder().decode(Versioned.self, from: Data(bytes)).formatVersion
            try FormatVersion.check(version, supported: CachedImage.currentFormat, file: file.string)
            let image = try JSONDecoder().decode(CachedImage.self, from: Data(bytes))
            guard image.key == key, Files.status(diskPath(image))?.isRegularFile == true else { throw damaged(key, cause: nil) }
            return image
        } catch let error as DecodingError {
            throw damaged(key, cause: error)
        }
    }

    private func damaged(_ key: String, cause: (any Error)?) -> Failure {
        Failure(.imageDamaged, "the image in '\(path(key))' is damaged", remedy: "remove the directory and build or import the image again", cause: cause)
    }

    static func isKey(_ name: String) -> Bool { name.utf8.count == 64 && name.allSatisfy(\.isHexDigit) }
}

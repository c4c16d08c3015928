internal import ApplianceModel
internal import HostSystem
internal import SystemPackage

/// An archive of Debian packages and the keys that sign it.
struct DebianArchive: Equatable, Sendable {
    var uri: String
    var signedBy: AptSource.SignedBy
}

/// The archives that the host's own Debian comes from; the image's packages come from the same ones.
struct DebianMirror: Equatable, Sendable {
    var main: DebianArchive
    var security: DebianArchive

    /// Keyrings that apt trusts for archives that name no key of their own, the first that exists.
    private static let defaultKeyrings = [
        "/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp",
        "/etc/apt/trusted.gpg.d/debian-archive-keyring.gpg", "/etc/apt/trusted.gpg",
    ]

    /// Reads the mirror from apt's configuration.
    /// - Parameters:
    ///   - aptDirectory: where `sources.list` and `sources.list.d` are.
    ///   - codename: the host's own release; nil outside Debian.
    /// - Throws: `image.mirror-missing`.
    static func configured(aptDirectory: FilePath, codename: String?) throws -> DebianMirror {
        var sources: [AptSource] = []
        let list = aptDirectory.appending("sources.list")
        if let bytes = try Files.readIfPresent(list) { sources += AptSources.parse(oneLine: String(decoding: bytes, as: UTF8.self)) }
        let directory = aptDirectory.appending("sources.list.d")
        for name in try Files.list(directory) {
            if name.hasSuffix(".list") { sources += AptSources.parse(oneLine: try Files.readText(directory.appending(name))) }
            if name.hasSuffix(".sources") { sources += AptSources.parse(deb822: try Files.readText(directory.appending(name))) }
        }
        let keyring = defaultKeyrings.first { Files.exists(FilePath($0)) }
        return try choose(from: sources, codename: codename, defaultKeyring: keyring, configuration: aptDirectory.string)
    }

    /// Takes the archives that hold the host's own Debian: its release, and its security updates.
    static func choose(
        from sources: [AptSource], codename: String?, defaultKeyring: String?, configuration: String
    ) throws -> DebianMirror {
        let names = [codename].compactMap(\.self) + DebianRelease.allCases.map(\.suite) + ["stable", "oldstable"]
        func archive(of suites: (String) -> [String]) -> DebianArchive? {
            for name in names {
                let wanted = suites(name)
                for source in sources where source.components.contains("main") && source.suites.contains(where: wanted.contains) {
                    // What only this host can read (cdrom:, file:, copy:) is of no use inside the guest.
                    guard let uri = source.uris.first(where: { $0.hasPrefix("http://") || $0.hasPrefix("https://") }) else { continue }
                    guard let keys = usable(source.signedBy) ?? defaultKeyring.map({ .files([$0]) }) else { continue }
                    return DebianArchive(uri: withoutSlash(uri), signedBy: keys)
                }
            }
            return nil
        }
        guard let main = archive(of: { [$0] }) else {
            throw Failure(
                .imageMirrorMissing, "apt in '\(configuration)' is not configured with a Debian archive over http or https",
                remedy: "add the Debian archive to apt, or import an image: pgkvm image import FILE-OR-URL --checksum sha256:…")
        }
        guard let security = archive(of: { ["\($0)-security", "\($0)/updates"] }) else {
            throw Failure(
                .imageMirrorMissing, "apt in '\(configuration)' is not configured with Debian's security updates",
                remedy: "add the suite '\(codename ?? DebianRelease.debian13.suite)-security' to apt's sources, or import an image")
        }
        for archive in [main, security] where archive.uri.contains("@") {
            throw Failure(
                .imageMirrorMissing, "the Debian archive in '\(configuration)' carries credentials in its address, which would end up in the image",
                remedy: "use an archive that needs no password, or import an image")
        }
        return DebianMirror(main: main, security: security)
    }

    /// Fingerprints name a key without holding it: then it is among the keyrings that apt trusts anyway.
    private static func usable(_ keys: AptSource.SignedBy?) -> AptSource.SignedBy? {
        guard case .files(let files) = keys else { return keys }
        let paths = files.filter { $0.hasPrefix("/") }
        return paths.isEmpty ? nil : .files(paths)
    }

    private static func withoutSlash(_ uri: String) -> String { uri.hasSuffix("/") ? String(uri.dropLast()) : uri }
}

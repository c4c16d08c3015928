internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// Finds Debian's archives among those that the host's apt uses. It goes by the content of their release files, never by the names of suites,
/// which other archives have too.
struct MirrorChoice: Sendable {
    let apt: HostApt
    /// The targets of the archives whose release files apt has.
    let targets: [AptTarget]
    /// The priorities, by the description of a target.
    let priorities: [String: Int]
    let credentials: AptCredentials
    let settings: [AptSetting]
    let places: HostApt.Places

    init(asking apt: HostApt) async throws {
        async let targets = apt.targets(isFetched: true)
        async let settings = apt.settings()
        async let places = apt.places()
        async let priorities = apt.priorities()
        self.targets = try await targets
        self.apt = apt
        self.settings = try await settings
        self.places = try await places
        self.priorities = try await priorities
        credentials = AptCredentials(try await places)
    }

    /// - Parameters:
    ///   - release: the release of the image.
    ///   - codename: the host's own release; nil outside Debian.
    /// - Throws: `image.mirror-missing` with the reasons.
    func mirror(for release: DebianRelease, codename: String?) async throws -> DebianMirror {
        let names = [release.suite, codename].compactMap(\.self) + DebianRelease.allCases.map(\.suite)
        // A release that is not in any list, such as testing under its code name, is better than none.
        let main = try await archive("Debian archive", label: "Debian") { target in
            names.firstIndex { target.codename == $0 } ?? (target.codename?.utf8.contains(UInt8(ascii: "-")) == false ? names.count : nil)
        }
        let security = try await archive("archive of Debian's security updates", label: "Debian-Security") { target in
            names.firstIndex { target.codename == "\($0)-security" || target.codename == $0 } ?? names.count
        }
        let options = FetchOptions(settings)
        return DebianMirror(
            main: main, security: security, fetchOptions: options.forBuild,
            guestFiles: try options.forGuest(usesTLS: [main, security].contains { $0.uri.begins(with: "https:") || $0.uri.begins(with: "mirror") }))
    }

    /// The best archive of a kind.
    /// - Parameter rank: how close its release is to the wanted one, 0 for the closest; nil for anything but a release.
    private func archive(_ kind: String, label: String, rank: (AptTarget) -> Int?) async throws -> DebianArchive {
        var ranked: [(target: AptTarget, order: (Int, Int, Int))] = []
        for (index, target) in targets.enumerated() where target.component == "main" && target.origin == "Debian" && target.label == label {
            if let rank = rank(target) { ranked.append((target, (rank, -priority(target), index))) }
        }
        var reasons: [String] = []
        for target in ranked.sorted(by: { $0.order < $1.order }).map(\.target) {
            let entry = try AptEntry.read(target)
            do {
                return try await archive(target, entry)
            } catch let refusal as Refusal {
                let line = "\(AptURI(target.archive).shown) \(target.release): \(refusal.reason)"
                if !reasons.contains(line) { reasons.append(line) }
            }
        }
        throw try await nothing(kind, reasons: reasons)
    }

    private func priority(_ target: AptTarget) -> Int { priorities[target.description] ?? 500 }

    /// Why one of Debian's archives cannot be used.
    private struct Refusal: Error { let reason: String }

    private func archive(_ target: AptTarget, _ entry: AptEntry) async throws -> DebianArchive {
        if priority(target) < 0 { throw Refusal(reason: "a pin of priority \(priority(target)) keeps apt from using it") }
        if entry.isUnsigned { throw Refusal(reason: "apt trusts it without a signature (trusted=yes); an image is built from signed packages only") }
        let uri = AptURI(target.archive)
        var archive = DebianArchive(uri: target.archive, signedBy: try await keys(of: target, entry))
        archive.dateOptions = Dictionary(entry.dateOptions.map { ($0.name, $0.value) }) { first, _ in first }
        switch uri.method {
        case "http", "https", "mirror", "mirror+http", "mirror+https": try check(uri)
        case "mirror+file": archive.mirrorList = try mirrorList(uri.path)
        case "file", "copy", "cdrom", "mirror+copy": throw Refusal(reason: "it is on this host only, and the guest could not reach it")
        default: throw Refusal(reason: "the guest has nothing that reaches '\(uri.method):' addresses")
        }
        return archive
    }

    /// Refuses what the guest would need but must not get.
    private func check(_ uri: AptURI) throws {
        if uri.carriesCredentials { throw Refusal(reason: "its address carries a user name or a password, which would end up in the image") }
        if credentials.cover(uri) { throw Refusal(reason: "apt has a password for it (auth.conf), which does not belong into an image") }
        let certificate = settings.first { setting in
            let path = setting.path
            guard path.starts(with: ["acquire", "https"]), path.last == "sslcert" || path.last == "sslkey", !setting.value.isEmpty else { return false }
            return uri.method.ends(with: "https") && (path.count == 3 || path[2] == uri.host)
        }
        if certificate != nil { throw Refusal(reason: "apt shows it a certificate of this host's (SslCert), which does not belong into an image") }
    }

    /// The mirrors in a list; the guest must be able to reach each of them.
    private func mirrorList(_ path: String) throws -> String {
        guard path.utf8.count < 4096, let bytes = try? Files.read(FilePath(path), from: 0, limit: 1 << 16), !bytes.isEmpty else {
            throw Refusal(reason: "its list of mirrors '\(path)' cannot be read")
        }
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
            // The purpose of the mirror follows after a tab.
            guard let first = line.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }).first else { continue }
            let uri = AptURI(String(decoding: first, as: UTF8.self))
            guard uri.method == "http" || uri.method == "https" else {
                throw Refusal(reason: "its list of mirrors '\(path)' holds \(uri.shown), which the guest could not reach")
            }
            try check(uri)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: - Keys

    private static let debianKeyrings = ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"]

    /// The keys that sign an archive: its own. If it does not name any, Debian's; or, where those do not sign it, all that apt trusts.
    private func keys(of target: AptTarget, _ entry: AptEntry) async throws -> SignedBy {
        if let keys = entry.signedBy { return keys }
        var trusted = [places.trusted].compactMap(\.self).filter(Files.exists).map(\.string)
        if let directory = places.trustedParts {
            trusted += try Files.list(directory).filter { $0.ends(with: ".gpg") || $0.ends(with: ".asc") }.map { directory.appending($0).string }
        }
        let hasOthers = trusted.contains { FilePath($0).lastComponent?.string.begins(with: "debian-archive-") != true }
        if let debian = Self.debianKeyrings.first(where: { Files.exists(FilePath($0)) }) {
            guard hasOthers, try await !Self.isSigned(target, by: debian) else { return .files([debian]) }
        }
        guard !trusted.isEmpty else { throw Refusal(reason: "apt does not have a key that signs it") }
        return .files(trusted)
    }

    /// Whether apt's copy of the archive is signed by a key of the keyring; without gpgv or a release file it is assumed to be.
    private static func isSigned(_ target: AptTarget, by keyring: String) async throws -> Bool {
        guard ProgramRunner.lookUp("gpgv") != nil, let release = target.signedRelease, Files.exists(FilePath(release)) else { return true }
        return try await ProgramRunner.run("gpgv", ["--quiet", "--keyring", keyring, release]).status == 0
    }

    // MARK: - Nothing to build from

    private func nothing(_ kind: String, reasons: [String]) async throws -> Failure {
        guard reasons.isEmpty else {
            return Failure(
                .imageMirrorMissing, "the \(kind) of this host cannot be used for an image: \(reasons.joined(separator: "; "))",
                remedy: "add one to apt that is reached by http or https without a password; or \(DebianMirror.importRemedy)")
        }
        let unknown = try await apt.targets(isFetched: false).filter { target in !targets.contains { $0.description == target.description } }
        if !unknown.isEmpty {
            let which = targets.isEmpty ? "its archives" : "\(unknown.count) of its archives"
            return Failure(
                .imageMirrorMissing, "apt has not yet fetched the release files of \(which), which say whether one is the \(kind)",
                remedy: "run 'apt-get update' as root, then the same command again")
        }
        let others = Set(targets.map { "'\($0.label ?? $0.origin ?? "nameless")'" }).sorted()
        let has = others.isEmpty ? "it has no archive at all" : "it has \(SpecRules.listed(others))"
        return Failure(
            .imageMirrorMissing, "apt is not configured with the \(kind): \(has)",
            remedy: "add it to apt's sources and run 'apt-get update'; or \(DebianMirror.importRemedy)")
    }
}

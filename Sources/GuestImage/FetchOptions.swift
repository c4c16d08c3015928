internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import SystemPackage

/// The host's settings for reaching archives, for the apt of a build and for the guest's apt.
struct FetchOptions: Sendable {
    private let settings: [AptSetting]

    init(_ settings: [AptSetting]) { self.settings = settings.filter { !$0.value.isEmpty && $0.path.first == "acquire" && $0.path.count > 1 } }

    private static let dates: Set<String> = ["check-valid-until", "check-date", "max-validtime", "min-validtime", "max-futuretime"]
    private static let ways: Set<String> = ["http", "https", "retries", "forceipv4", "forceipv6"]

    /// Proxies, authorities, dates: without them a build could fail where the host's apt works.
    var forBuild: String {
        settings.filter { setting in
            let path = setting.path
            return Self.dates.contains(path[1]) || Self.ways.contains(path[1]) && !["sslcert", "sslkey"].contains(path[path.count - 1])
        }.map { $0.line + "\n" }.joined()
    }

    /// The settings that belong to the archive rather than to the host's network, by absolute path in the guest.
    /// - Parameter usesTLS: whether an archive is reached by https.
    /// - Throws: `image.mirror-missing` for a certificate authority that cannot be read.
    func forGuest(usesTLS: Bool) throws -> [String: String] {
        var lines: [String] = []
        var files: [String: String] = [:]
        for setting in settings {
            let path = setting.path
            if Self.dates.contains(path[1]) { lines.append(setting.line) }
            guard usesTLS, path[1] == "https", let last = path.last else { continue }
            if ["verify-peer", "verify-host", "issuercert"].contains(last) { lines.append(setting.line) }
            guard last == "cainfo" else { continue }
            let file = "/etc/apt/pgkvm-ca-\(files.count + 1).pem"
            do {
                files[file] = String(decoding: try Files.read(FilePath(setting.value), from: 0, limit: 4 << 20), as: UTF8.self)
            } catch let failure as Failure {
                throw Failure(
                    .imageMirrorMissing, "apt trusts the authorities in '\(setting.value)' (\(setting.name)), which cannot be read",
                    remedy: "correct apt's configuration until 'apt-get update' works", cause: failure)
            }
            lines.append(AptSetting(name: setting.name, value: file).line)
        }
        if !lines.isEmpty { files["/etc/apt/apt.conf.d/50pgkvm-archive"] = lines.map { $0 + "\n" }.joined() }
        return files
    }
}

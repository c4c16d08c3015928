internal import ApplianceModel
internal import HostSystem
internal import SystemPackage

/// How the host's apt is configured, as far as it decides what an image is built from and how it is fetched.
struct HostPackaging: Sendable {
    var aptDirectory: FilePath = "/etc/apt"
    var release: FilePath = "/etc/os-release"

    /// The archives that images are built from.
    /// - Throws: `image.mirror-missing`.
    func mirror() throws -> DebianMirror { try DebianMirror.configured(aptDirectory: aptDirectory, codename: try codename()) }

    /// The host's release of Debian; nil on another distribution.
    private func codename() throws -> String? {
        guard let bytes = try Files.readIfPresent(release) else { return nil }
        var fields: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { fields[String(parts[0])] = parts[1].filter { $0 != "\"" } }
        }
        return fields["ID"] == "debian" ? fields["VERSION_CODENAME"] : nil
    }

    /// Proxies, and what the host says of the dates of its mirror: without them mmdebstrap's own apt would fail where the
    /// host's does not.
    static func fetchOptions() async throws -> [String] {
        guard ProgramRunner.lookUp("apt-config") != nil else { return [] }
        let dump = try await ProgramRunner.check("apt-config", ["dump"]).outputText
        return dump.split(separator: "\n").map(String.init).filter { line in
            let name = line.prefix { $0 != " " }.lowercased()
            let isProxy = name.hasPrefix("acquire::http") && name.contains("::proxy")
            return (isProxy || name == "acquire::check-valid-until" || name == "acquire::check-date") && !line.hasSuffix(" \"\";")
        }
    }
}

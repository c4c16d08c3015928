internal import ApplianceModel
internal import HostSystem
internal import SystemPackage

/// The configuration of the host's apt, as far as it determines what an image is built from and how that is fetched.
struct HostPackaging: Sendable, Hashable {
    var apt = HostApt()
    var release: FilePath = "/etc/os-release"

    /// The archives that images of a release are built from.
    /// - Throws: `image.mirror-missing`.
    func mirror(for release: DebianRelease) async throws -> DebianMirror {
        try await MirrorChoice(asking: apt).mirror(for: release, codename: try codename())
    }

    /// The code name of the host's Debian release; nil on another distribution.
    private func codename() throws -> String? {
        guard let bytes = try Files.readIfPresent(release) else { return nil }
        var fields: [String: String] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let value = line[(equals + 1)...].filter { $0 != UInt8(ascii: "\"") }
            fields[String(decoding: line[..<equals], as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return fields["ID"] == "debian" ? fields["VERSION_CODENAME"] : nil
    }
}

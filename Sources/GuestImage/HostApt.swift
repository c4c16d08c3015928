internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// The host's apt, queried through its own programs.
struct HostApt: Sendable, Hashable {
    /// A file that is read before apt's own configuration (`APT_CONFIG`); nil leaves that to the environment.
    var configuration: FilePath?

    /// What apt fetches from every archive that it uses, in apt's order.
    /// - Parameter isFetched: only archives whose release files are here, with the contents of these; otherwise all archives, without contents.
    /// - Throws: `image.mirror-missing` with apt's message, where it cannot read its sources, and where apt is not installed.
    func targets(isFetched: Bool) async throws -> [AptTarget] {
        guard ProgramRunner.lookUp("apt-get") != nil else {
            throw Failure(.imageMirrorMissing, "apt is not installed on this host, and an image is built from its archive", remedy: DebianMirror.importRemedy)
        }
        let result = try await run("apt-get", ["indextargets"] + (isFetched ? [] : ["--no-release-info"]) + ["Created-By: Packages", "Architecture: amd64"])
        guard result.status == 0 else {
            let said = result.errorText.utf8.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
            let reason = said.first { $0.begins(with: "E: ") } ?? said.last ?? "status \(result.status)"
            throw Failure(.imageMirrorMissing, "apt cannot read its own sources: \(reason)", remedy: "correct them until 'apt-get update' works")
        }
        return AptTarget.parse(result.outputText)
    }

    /// The priority that pins give to an archive, by the description of its target. Empty where nothing is pinned.
    func priorities() async throws -> [String: Int] {
        let places = try await places()
        let parts = try places.preferenceParts.map(Files.list) ?? []
        guard places.preferences.map(Files.exists) == true || parts.contains(where: { !$0.begins(with: ".") }) else { return [:] }
        return AptTarget.priorities(policy: try await run("apt-cache", ["policy"]).outputText)
    }

    /// The lines of the whole configuration, each `Name "value";`.
    func settings() async throws -> [AptSetting] {
        try await run("apt-config", ["dump"]).outputText.utf8.split(separator: UInt8(ascii: "\n")).compactMap {
            AptSetting(line: String(decoding: $0, as: UTF8.self))
        }
    }

    /// The locations of apt's files.
    struct Places: Sendable {
        var credentials: FilePath?
        var credentialParts: FilePath?
        var preferences: FilePath?
        var preferenceParts: FilePath?
        var trusted: FilePath?
        var trustedParts: FilePath?
    }

    func places() async throws -> Places {
        let names = [
            "netrc": "Dir::Etc::netrc/f", "netrcparts": "Dir::Etc::netrcparts/d", "preferences": "Dir::Etc::preferences/f",
            "preferencesparts": "Dir::Etc::preferencesparts/d", "trusted": "Dir::Etc::trusted/f", "trustedparts": "Dir::Etc::trustedparts/d",
        ]
        var found: [String: FilePath] = [:]
        for line in try await run("apt-config", ["shell"] + names.flatMap { [$0.key, $0.value] }).outputText.utf8.split(separator: UInt8(ascii: "\n")) {
            // name='path', quoted for a shell.
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let value = line[line.index(after: equals)...].filter { $0 != UInt8(ascii: "'") && $0 != UInt8(ascii: "\\") }
            if !value.isEmpty { found[String(decoding: line[..<equals], as: UTF8.self)] = FilePath(String(decoding: value, as: UTF8.self)) }
        }
        return Places(
            credentials: found["netrc"], credentialParts: found["netrcparts"], preferences: found["preferences"],
            preferenceParts: found["preferencesparts"], trusted: found["trusted"], trustedParts: found["trustedparts"])
    }

    private func run(_ program: String, _ arguments: [String]) async throws -> ProgramResult {
        var environment = ["LC_ALL": "C.UTF-8"]
        if let configuration { environment["APT_CONFIG"] = configuration.string }
        return try await ProgramRunner.run(program, arguments, environment: environment)
    }
}

/// A line of apt's configuration.
struct AptSetting: Sendable, Equatable {
    /// For example `Acquire::http::Proxy`; apt ignores the case.
    let name: String
    let value: String

    /// The line as it appears in a configuration file.
    var line: String { "\(name) \"\(value)\";" }

    init(name: String, value: String) { (self.name, self.value) = (name, value) }

    /// Reads `Name "value";`.
    init?(line: String) {
        let bytes = Array(line.utf8)
        let blank = UInt8(ascii: " ")
        guard bytes.suffix(2).elementsEqual("\";".utf8), let space = bytes.firstIndex(of: blank), space + 1 < bytes.count - 2,
            bytes[space + 1] == UInt8(ascii: "\"")
        else { return nil }
        name = String(decoding: bytes[..<space], as: UTF8.self)
        value = String(decoding: bytes[(space + 2)..<(bytes.count - 2)], as: UTF8.self)
    }

    /// The parts of the name, in lower case.
    var path: [String] {
        name.lowercased().utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: true).map { String(decoding: $0, as: UTF8.self) }
    }
}

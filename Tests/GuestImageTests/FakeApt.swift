import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import SystemPackage

@testable import GuestImage

/// A root of apt's own, with archives that a loopback web server has, signed by a key that was made for the test. The host's apt works in it.
struct FakeApt {
    let root: FilePath
    let server: ImageServer

    var configuration: FilePath { root.appending("apt.conf") }
    var keyring: FilePath { root.appending("test-key.gpg") }
    var apt: HostApt { HostApt(configuration: configuration) }
    var packaging: HostPackaging { HostPackaging(apt: apt, release: root.appending("os-release")) }
    var sources: FilePath { root.appending("etc/apt/sources.list.d") }

    /// An archive of the server's.
    func url(_ name: String) -> String { server.url(name) }

    static func with(_ body: (FakeApt) async throws -> Void) async throws {
        try await withScratch { root in
            let archive = root.appending("served")
            let parts = ["sources.list.d", "apt.conf.d", "auth.conf.d", "preferences.d", "trusted.gpg.d", "mirrors"].map { "etc/apt/\($0)" }
            for place in parts + ["var/lib/apt/lists/partial", "var/lib/dpkg", "var/cache/apt/archives/partial", "var/log/apt", "gnupg", "served"] {
                try Files.createDirectory(root.appending(place))
            }
            try Files.write("", to: root.appending("var/lib/dpkg/status"))
            try Files.write("ID=debian\nVERSION_CODENAME=bookworm\n", to: root.appending("os-release"))
            try await ImageServer.with(serving: archive) { server in
                let fake = FakeApt(root: root, server: server)
                // Nothing of the host's configuration counts: its parts lie below the root as well.
                try Files.write(
                    """
                    Dir "\(root)";
                    Dir::State::status "\(root)/var/lib/dpkg/status";
                    APT::Architecture "amd64";
                    APT::Architectures { "amd64"; };
                    APT::Sandbox::User "root";
                    Acquire::Languages "none";

                    """, to: fake.configuration)
                try await fake.makeKey()
                do {
                    try await body(fake)
                    try await fake.stopAgent()
                } catch {
                    try await fake.stopAgent()
                    throw error
                }
            }
        }
    }

    private func gpg(_ arguments: [String], input: [UInt8] = []) async throws -> ProgramResult {
        try await ProgramRunner.check("gpg", ["--homedir", root.appending("gnupg").string, "--batch", "--quiet", "--yes"] + arguments, input: input)
    }

    private func makeKey() async throws {
        _ = try await ProgramRunner.check("chmod", ["0700", root.appending("gnupg").string])
        _ = try await gpg(["--passphrase", "", "--quick-generate-key", "pgkvm test <test@example>", "ed25519", "sign", "never"])
        _ = try await gpg(["--output", keyring.string, "--export"])
    }

    private func stopAgent() async throws {
        _ = try await ProgramRunner.run("gpgconf", ["--homedir", root.appending("gnupg").string, "--kill", "all"])
    }

    /// Puts a suite with an index of one package on the server: of an empty one apt does not speak.
    func publish(
        _ archive: String, suite: String, origin: String = "Debian", label: String = "Debian", codename: String? = nil, validUntil: String? = nil
    ) async throws {
        let place = root.appending("served/\(archive)/dists/\(suite)")
        try Files.createDirectory(place.appending("main/binary-amd64"))
        let index = place.appending("main/binary-amd64/Packages")
        let content = "Package: nothing\nVersion: 1\nArchitecture: amd64\nFilename: pool/nothing.deb\nSize: 1\nSHA256: \(String(repeating: "0", count: 64))\n\n"
        try Files.write(content, to: index)
        let digest = try await ProgramRunner.check("sha256sum", [index.string]).outputText.prefix(64)
        let limit = validUntil.map { "Valid-Until: \($0)\n" } ?? ""
        let release = """
            Origin: \(origin)
            Label: \(label)
            Suite: \(suite)
            Codename: \(codename ?? suite)
            Date: Sat, 01 Jan 2022 00:00:00 UTC
            \(limit)Architectures: amd64
            Components: main
            SHA256:
             \(digest) \(content.utf8.count) main/binary-amd64/Packages

            """
        let signed = try await gpg(["--clearsign", "--output", "-"], input: Array(release.utf8))
        try Files.write(signed.standardOutput, to: place.appending("InRelease"))
    }

    /// Debian's three suites in the archives `debian` and `security`.
    func publishDebian(validUntil: String? = nil) async throws {
        try await publish("debian", suite: "bookworm", validUntil: validUntil)
        try await publish("debian", suite: "bookworm-updates", validUntil: validUntil)
        try await publish("security", suite: "bookworm-security", label: "Debian-Security", validUntil: validUntil)
    }

    func configure(_ file: String, _ text: String) throws { try Files.write(text, to: root.appending("etc/apt").appending(file)) }

    /// Two lines as on an ordinary host.
    func configureDebian(options: String = "", main: String? = nil, security: String? = nil) throws {
        let brackets = "[signed-by=\(keyring) \(options)]"
        try configure(
            "sources.list.d/debian.list",
            """
            deb \(brackets) \(main ?? url("debian")) bookworm main
            deb \(brackets) \(main ?? url("debian")) bookworm-updates main
            deb \(brackets) \(security ?? url("security")) bookworm-security main

            """)
    }

    /// Has apt fetch what its archives are.
    @discardableResult
    func update() async throws -> ProgramResult {
        try await ProgramRunner.check("apt-get", ["update", "-q"], environment: ["APT_CONFIG": configuration.string, "LC_ALL": "C.UTF-8"])
    }

    func mirror(_ release: DebianRelease = .debian13) async throws -> DebianMirror { try await packaging.mirror(for: release) }

    /// What `mirror` is refused with.
    func refusal() async throws -> String {
        do {
            return "nothing: \(try await mirror())"
        } catch let failure as Failure where failure.code == .imageMirrorMissing {
            return "\(failure.message) (\(failure.remedy ?? ""))"
        }
    }
}

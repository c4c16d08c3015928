import ApplianceModel
import Basics
import CloudInit
import Glibc
import HostSystem
import SystemPackage
import Testing

@Suite("The NoCloud medium")
struct SeedMediumTests {
    @Test("It carries the label and the three files that cloud-init looks for")
    func content() async throws {
        try await withTemporaryDirectory { directory in
            let medium = directory.appending("seed.iso")
            let seed = try Fixtures.seed()
            try await SeedMedium.write(seed, to: medium)
            let volume = try await ProgramRunner.check("xorriso", ["-no_rc", "-indev", medium.string, "-pvd_info"])
            #expect(volume.outputText.contains("Volume Id    : \(SeedMedium.volumeLabel)\n"))
            let output = directory.appending("content")
            _ = try await ProgramRunner.check(
                "xorriso", ["-no_rc", "-osirrox", "on", "-indev", medium.string, "-extract", "/", output.string])
            #expect(try Files.list(output) == ["meta-data", "network-config", "user-data"])
            let files = try seed.render()
            #expect(try Files.readText(output.appending("meta-data")) == files.metaData)
            #expect(try Files.readText(output.appending("network-config")) == files.networkConfig)
            let userData = try Files.readText(output.appending("user-data"))
            #expect(files.userData.withRevealed { $0 == userData })
        }
    }

    @Test("Only its owner may read it, it replaces an earlier one, and nothing else is left beside it")
    func alone() async throws {
        try await withTemporaryDirectory { directory in
            let medium = directory.appending("seed.iso")
            try Files.write("old", to: medium, mode: [.ownerReadWrite, .groupRead, .otherRead])
            // What a killed run leaves.
            let leftover = directory.appending(".seed.17.4711")
            try Files.createDirectory(leftover)
            try Files.write("secret", to: leftover.appending("user-data"))
            try await SeedMedium.write(try Fixtures.seed(), to: medium)
            #expect(try Files.list(directory) == ["seed.iso"])
            #expect(Files.status(medium)?.permissions == 0o600)
            #expect((Files.status(medium)?.size ?? .mebibytes(0)) > .kibibytes(32))
        }
    }

    @Test("The same seed gives the same bytes, whatever the time and the place")
    func deterministic() async throws {
        try await withTemporaryDirectory { directory in
            let other = directory.appending("other")
            try Files.createDirectory(other)
            try await SeedMedium.write(try Fixtures.seed(), to: directory.appending("seed.iso"))
            // The times in an image count whole seconds.
            let second = time(nil)
            _ = try await poll(every: .milliseconds(50), until: .now + .seconds(10), on: ContinuousClock()) { time(nil) > second ? true : nil }
            try await SeedMedium.write(try Fixtures.seed(), to: other.appending("seed-2.iso"))
            #expect(try Files.read(directory.appending("seed.iso")) == Files.read(other.appending("seed-2.iso")))
            try await SeedMedium.write(try Fixtures.seed(.static(.userNetworking)), to: other.appending("seed-2.iso"))
            #expect(try Files.read(directory.appending("seed.iso")) != Files.read(other.appending("seed-2.iso")))
        }
    }

    @Test("A seed that cannot be rendered leaves the earlier medium as it is")
    func failure() async throws {
        try await withTemporaryDirectory { directory in
            let medium = directory.appending("seed.iso")
            try Files.write("old", to: medium)
            var seed = try Fixtures.seed()
            seed.network.macAddress = "none"
            await #expect(throws: Failure.self) { try await SeedMedium.write(seed, to: medium) }
            #expect(try Files.list(directory) == ["seed.iso"])
            #expect(try Files.readText(medium) == "old")
            await #expect(throws: Failure.self) { try await SeedMedium.write(try Fixtures.seed(), to: directory.appending("missing/seed.iso")) }
        }
    }
}

@Suite("SSH key pairs")
struct SSHKeyPairTests {
    @Test("A new pair belongs together, is Ed25519, and leaves no file")
    func generate() async throws {
        try await withTemporaryDirectory { directory in
            let pair = try await SSHKeyPair.generate(comment: "-o 'brien' $HOME \"x\"", in: directory)
            #expect(try Files.list(directory) == [])
            #expect(pair.publicKey.hasPrefix("ssh-ed25519 "))
            #expect(pair.publicKey.hasSuffix(" -o 'brien' $HOME \"x\""))
            let file = directory.appending("key")
            try pair.privateKey.withRevealed { try Files.write($0, to: file) }
            let derived = try await ProgramRunner.check("ssh-keygen", ["-y", "-P", "", "-f", file.string]).outputText
            #expect(derived == pair.publicKey + "\n")
            #expect(derived.hasPrefix(pair.publicKeyWithoutComment + " "))
            let other = try await SSHKeyPair.generate(comment: "", in: directory)
            #expect(other.publicKeyWithoutComment != pair.publicKeyWithoutComment)
        }
    }

    @Test("A generated pair can stand in a seed")
    func inSeed() async throws {
        try await withTemporaryDirectory { directory in
            var seed = try Fixtures.seed()
            seed.identity.hostKey = try await SSHKeyPair.generate(comment: "host", in: directory)
            seed.identity.authorizedKey = try await SSHKeyPair.generate(comment: "", in: directory).publicKey
            let text = try seed.render().userData.withRevealed { $0 }
            let privateKey = seed.identity.hostKey.privateKey.withRevealed { $0 }
            let lines = privateKey.split(separator: "\n").map { "    \($0)\n" }.joined()
            #expect(text.contains("  ed25519_private: |\n\(lines)  ed25519_public: "))
        }
    }

    @Test("An impossible comment or place is refused, and leaves no file")
    func refused() async throws {
        try await withTemporaryDirectory { directory in
            await #expect(throws: Failure.self) { try await SSHKeyPair.generate(comment: "a\nb", in: directory) }
            await #expect(throws: Failure.self) { try await SSHKeyPair.generate(comment: "größe", in: directory) }
            await #expect(throws: Failure.self) { try await SSHKeyPair.generate(comment: "", in: directory.appending("missing")) }
            let left = try Files.list(directory)
            #expect(left == [])
        }
    }
}

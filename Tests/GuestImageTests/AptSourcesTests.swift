import ApplianceModel
import Testing

@testable import GuestImage

@Suite("What apt is configured with")
struct AptSourcesTests {
    @Test("A stanza gives its addresses, suites, components and keyring")
    func stanza() {
        let sources = AptSources.parse(
            deb822: """
                # The archive
                Types: deb deb-src
                URIs: http://mirror.example/debian
                Suites: trixie trixie-updates
                Components: main contrib
                Signed-By: /usr/share/keyrings/a.gpg

                Types: deb
                URIs: http://mirror.example/security
                Suites: trixie-security
                Components: main
                """)
        #expect(
            sources == [
                AptSource(
                    uris: ["http://mirror.example/debian"], suites: ["trixie", "trixie-updates"], components: ["main", "contrib"],
                    signedBy: .files(["/usr/share/keyrings/a.gpg"])),
                AptSource(uris: ["http://mirror.example/security"], suites: ["trixie-security"], components: ["main"], signedBy: nil),
            ])
    }

    @Test("A key inside a stanza comes out as it was put in")
    func armoured() throws {
        let sources = AptSources.parse(
            deb822: """
                Types: deb
                URIs: http://mirror.example/debian
                Suites: trixie
                Components: main
                Signed-By:
                 -----BEGIN PGP PUBLIC KEY BLOCK-----
                 .
                 mQINBF
                 -----END PGP PUBLIC KEY BLOCK-----
                """)
        #expect(
            try #require(sources.first).signedBy
                == .armoured("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBF\n-----END PGP PUBLIC KEY BLOCK-----\n"))
    }

    @Test(
        "What apt does not use is left out",
        arguments: [
            "Types: deb\nURIs: http://a/\nSuites: trixie\nComponents: main\nEnabled: no",
            "Types: deb-src\nURIs: http://a/\nSuites: trixie\nComponents: main",
            "Types: deb\nURIs: http://a/\nSuites: trixie\nComponents: main\nArchitectures: arm64",
            "# Types: deb\n# URIs: http://a/",
            "",
        ])
    func unused(text: String) { #expect(AptSources.parse(deb822: text).isEmpty) }

    @Test("Lines are read with and without options")
    func lines() {
        let sources = AptSources.parse(
            oneLine: """
                # deb http://off.example/ trixie main
                deb http://a.example/debian trixie main contrib # here
                deb [ arch=amd64,arm64 signed-by=/k/one.gpg,/k/two.gpg ] https://b.example/debian trixie-security main
                deb [arch=arm64] http://c.example/debian trixie main
                deb-src http://a.example/debian trixie main
                """)
        #expect(
            sources == [
                AptSource(uris: ["http://a.example/debian"], suites: ["trixie"], components: ["main", "contrib"], signedBy: nil),
                AptSource(
                    uris: ["https://b.example/debian"], suites: ["trixie-security"], components: ["main"], signedBy: .files(["/k/one.gpg", "/k/two.gpg"])),
            ])
    }
}

@Suite("The mirror of an image")
struct DebianMirrorTests {
    private func source(_ uri: String, _ suite: String, key: String? = "/k.gpg", components: [String] = ["main"]) -> AptSource {
        AptSource(uris: [uri], suites: [suite], components: components, signedBy: key.map { .files([$0]) })
    }

    private func choose(_ sources: [AptSource], codename: String? = "bookworm") throws -> DebianMirror {
        try DebianMirror.choose(from: sources, codename: codename, defaultKeyring: "/default.gpg", configuration: "/etc/apt")
    }

    @Test("is the archive of the host's own release, with its keyring, among others")
    func hostsOwn() throws {
        let mirror = try choose([
            source("http://other.example/apt", "nodistro"), source("http://m.example/backports", "bookworm-backports"),
            source("http://m.example/debian/", "bookworm"), source("http://m.example/security", "bookworm-security", key: "/s.gpg"),
        ])
        #expect(mirror.main == DebianArchive(uri: "http://m.example/debian", signedBy: .files(["/k.gpg"])))
        #expect(mirror.security == DebianArchive(uri: "http://m.example/security", signedBy: .files(["/s.gpg"])))
    }

    @Test("takes apt's own keyring where the archive names none, or only a fingerprint", arguments: [nil, "0123456789ABCDEF"])
    func defaultKeyring(key: String?) throws {
        let mirror = try choose([source("http://m.example/debian", "bookworm", key: key), source("http://s.example/", "bookworm-security", key: key)])
        #expect(mirror.main.signedBy == .files(["/default.gpg"]))
    }

    @Test("is found on a host that follows 'stable', and on one that is no Debian but has its archive", arguments: ["stable", "trixie"])
    func otherNames(suite: String) throws {
        let mirror = try choose([source("http://m.example/debian", suite), source("http://s.example/d", "\(suite)-security")], codename: nil)
        #expect(mirror.main.uri == "http://m.example/debian")
    }

    @Test("is refused with what is missing")
    func missing() throws {
        let noDebian = #expect(throws: Failure.self) { try choose([source("http://u.example/ubuntu", "noble")], codename: nil) }
        #expect(noDebian?.code == .imageMirrorMissing)
        let noSecurity = #expect(throws: Failure.self) { try choose([source("http://m.example/debian", "bookworm")]) }
        #expect(noSecurity?.message.contains("security") == true)
        let noNetwork = #expect(throws: Failure.self) { try choose([source("cdrom:[Debian]/", "bookworm")]) }
        #expect(noNetwork?.code == .imageMirrorMissing)
    }

    @Test("is refused when its address holds a password")
    func credentials() {
        let failure = #expect(throws: Failure.self) {
            try choose([source("https://me:pw@m.example/debian", "bookworm"), source("http://s.example/", "bookworm-security")])
        }
        #expect(failure?.message.contains("pw") == false)
    }
}

import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

@Suite("The host's archives, as apt itself sees them", .serialized, .timeLimit(.minutes(40)))
struct HostAptTests {
    @Test("An ordinary host's archives are used with their keys")
    func ordinary() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            try fake.configureDebian()
            try await fake.update()
            let mirror = try await fake.mirror()
            #expect(mirror.main == DebianArchive(uri: fake.url("debian"), signedBy: .files([fake.keyring.string])))
            #expect(mirror.security == DebianArchive(uri: fake.url("security"), signedBy: .files([fake.keyring.string])))
            #expect(mirror.filesOfGuest.isEmpty)
        }
    }

    @Test("A stanza with the key inside, a comment above it and another that is off is read where apt says that it stands")
    func stanza() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            let armoured = try await ProgramRunner.check(
                "gpg", ["--homedir", fake.root.appending("gnupg").string, "--batch", "--armor", "--export"]
            ).outputText
            let key = armoured.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? " ." : " \($0)" }.joined(separator: "\n")
            try fake.configure(
                "sources.list.d/debian.sources",
                """
                # From the installer

                Types: deb
                URIs: \(fake.url("debian"))
                Suites: bookworm
                Components: main
                Enabled: no
                Signed-By: /nowhere.gpg

                Types: deb deb-src
                URIs: \(fake.url("debian"))/
                Suites: bookworm bookworm-updates
                Components: main
                Signed-By:
                \(key)

                Types: deb
                URIs: \(fake.url("security"))
                Suites: bookworm-security
                Components: main
                Signed-By: \(fake.keyring)

                """)
            _ = try? await fake.update()
            let mirror = try await fake.mirror()
            #expect(mirror.main.uri == fake.url("debian"))
            guard case .armoured(let text) = mirror.main.signedBy else {
                Issue.record("\(mirror.main.signedBy)")
                return
            }
            #expect(text.hasPrefix("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n"))
            #expect(text.hasSuffix("-----END PGP PUBLIC KEY BLOCK-----\n\n") || text.hasSuffix("-----END PGP PUBLIC KEY BLOCK-----\n"))
            #expect(mirror.security.signedBy == .files([fake.keyring.string]))
        }
    }

    @Test("A vendor's archive with Debian's code names is not taken for Debian's, whatever its file is called")
    func vendor() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            try await fake.publish("vendor", suite: "bookworm", origin: "Vendor", label: "Vendor")
            try await fake.publish("imitation", suite: "bookworm-security", origin: "Vendor", label: "Debian-Security")
            try fake.configure(
                "sources.list.d/aaa.list",
                "deb [signed-by=\(fake.keyring)] \(fake.url("vendor")) bookworm main\ndeb [signed-by=\(fake.keyring)] \(fake.url("imitation")) bookworm-security main\n"
            )
            try fake.configureDebian()
            try await fake.update()
            let mirror = try await fake.mirror()
            #expect(mirror.main.uri == fake.url("debian"))
            #expect(mirror.security.uri == fake.url("security"))
        }
    }

    @Test("With a vendor's archive alone there is nothing to build from, and the archives that are there are named")
    func vendorAlone() async throws {
        try await FakeApt.with { fake in
            try await fake.publish("vendor", suite: "bookworm", origin: "Vendor", label: "Vendor Tools")
            try fake.configure("sources.list", "deb [signed-by=\(fake.keyring)] \(fake.url("vendor")) bookworm main\n")
            try await fake.update()
            #expect(try await fake.refusal().contains("apt is not configured with the Debian archive: it has 'Vendor Tools'"))
        }
    }

    @Test("A list of mirrors, as Debian's cloud images have it, goes into the image", arguments: ["mirror+file://", "mirror+file:"])
    func mirrorFile(method: String) async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            let lists = ["debian", "security"].map { fake.root.appending("etc/apt/mirrors/\($0).list") }
            try Files.write("# The nearest first\n\(fake.url("debian"))\tpriority:1\n", to: lists[0])
            try Files.write("\(fake.url("security"))\n", to: lists[1])
            try fake.configureDebian(main: "\(method)\(lists[0])", security: "\(method)\(lists[1])")
            try await fake.update()
            let mirror = try await fake.mirror()
            #expect(AptURI(mirror.main.uri).method == "mirror+file")
            #expect(mirror.filesOfGuest[DebianMirror.mainList]?.contains("\(fake.url("debian"))\tpriority:1") == true)
            #expect(mirror.filesOfGuest[DebianMirror.securityList] == "\(fake.url("security"))\n")
            #expect(DebianMirror.guestURI(mirror.main, list: DebianMirror.mainList) == "mirror+file:/etc/apt/mirrors/pgkvm-main.list")
            try Files.write("file:/srv/debian\n", to: lists[0])
            #expect(try await fake.refusal().contains("holds file:/srv/debian, which the guest could not reach"))
            try Files.write("https://user:secret@mirror.example/debian\n", to: lists[0])
            let refusal = try await fake.refusal()
            #expect(refusal.contains("user name or a password"))
            #expect(!refusal.contains("secret"))
            try Files.remove(lists[0])
            #expect(try await fake.refusal().contains("list of mirrors"))
        }
    }

    @Test("A list of mirrors on a web server is used as it is")
    func mirrorList() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            try Files.write("\(fake.url("debian"))\n", to: fake.root.appending("served/mirrors.txt"))
            let list = "mirror+" + fake.url("mirrors.txt")
            try fake.configureDebian(main: list)
            try await fake.update()
            let mirror = try await fake.mirror()
            #expect(mirror.main.uri == list)
            #expect(mirror.main.mirrorList == nil)
        }
    }

    @Test("What a source says about dates is handed on to build and guest")
    func dates() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian(validUntil: "Sat, 08 Jan 2022 00:00:00 UTC")
            try fake.configureDebian(options: "check-valid-until=no date-max-future=60")
            try await fake.update()
            let mirror = try await fake.mirror()
            #expect(mirror.main.dateOptions == ["Check-Valid-Until": "no", "Date-Max-Future": "60"])
            #expect(mirror.main.options(keys: "/k") == "signed-by=/k check-valid-until=no date-max-future=60")
            #expect(mirror.security.guestFields == "Check-Valid-Until: no\nDate-Max-Future: 60\n")
            // An expired archive without the option is one that apt itself does not take.
            try fake.configureDebian()
            await #expect(throws: Failure.self) { try await fake.update() }
        }
    }

    @Test("An archive that is trusted without a signature is refused with a word", arguments: ["trusted=yes", "allow-insecure=yes", "trusted=1"])
    func trusted(option: String) async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            try fake.configureDebian(options: option)
            try await fake.update()
            let refusal = try await fake.refusal()
            #expect(refusal.contains("\(fake.url("debian")) bookworm: apt trusts it without a signature (trusted=yes)"))
        }
    }

    @Test("Before apt has fetched anything, the advice is to have it fetch")
    func neverUpdated() async throws {
        try await FakeApt.with { fake in
            try fake.configureDebian()
            let refusal = try await fake.refusal()
            #expect(refusal.contains("apt has not yet fetched the release files of its archives"))
            #expect(refusal.contains("apt-get update"))
            try fake.configure("sources.list.d/debian.list", "")
            #expect(try await fake.refusal().contains("it has no archive at all"))
        }
    }

    @Test("Without security updates there is nothing to build from")
    func noSecurity() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            try fake.configure("sources.list", "deb [signed-by=\(fake.keyring)] \(fake.url("debian")) bookworm main\n")
            try await fake.update()
            #expect(try await fake.refusal().contains("apt is not configured with the archive of Debian's security updates: it has 'Debian'"))
        }
    }

    @Test("An archive that only this host reaches is refused, and one beside it used")
    func onlyHere() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            let local = "file:\(fake.root)/served/debian"
            try fake.configure("sources.list", "deb [signed-by=\(fake.keyring)] \(local) bookworm main\n")
            try fake.configure("sources.list.d/s.list", "deb [signed-by=\(fake.keyring)] \(fake.url("security")) bookworm-security main\n")
            try await fake.update()
            #expect(try await fake.refusal().contains("it is on this host only"))
            try fake.configure("sources.list.d/t.list", "deb [signed-by=\(fake.keyring)] \(fake.url("debian")) bookworm main\n")
            try await fake.update()
            #expect(try await fake.mirror().main.uri == fake.url("debian"))
        }
    }

    @Test("Passwords stay on the host: in an address, in auth.conf.d")
    func credentials() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            let withPassword = "http://user:hidden@127.0.0.1:\(fake.server.port)/debian"
            try fake.configureDebian(main: withPassword)
            try await fake.update()
            let refusal = try await fake.refusal()
            #expect(refusal.contains("carries a user name or a password"))
            #expect(!refusal.contains("hidden"))
            try fake.configureDebian()
            try fake.configure("auth.conf.d/a.conf", "machine http://127.0.0.1:\(fake.server.port)/debian login u password hidden\n")
            try await fake.update()
            #expect(try await fake.refusal().contains("apt has a password for it"))
            // Without a method an entry counts for https only; another path or host does not count.
            for entry in ["machine 127.0.0.1", "machine http://127.0.0.1/elsewhere", "machine http://other/debian", "# machine http://127.0.0.1"] {
                try fake.configure("auth.conf.d/a.conf", "\(entry) login u password hidden\n")
                #expect(try await fake.mirror().main.uri == fake.url("debian"), "\(entry)")
            }
        }
    }

    @Test("A pin that keeps apt from an archive keeps it out of the image, and the better one of two is used")
    func pins() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            try await fake.publish("other", suite: "bookworm")
            try fake.configureDebian()
            try fake.configure("sources.list", "deb [signed-by=\(fake.keyring)] \(fake.url("other")) bookworm main\n")
            try await fake.update()
            #expect(try await fake.mirror().main.uri == fake.url("other"))
            try fake.configure("preferences.d/p", "Package: *\nPin: release l=Debian\nPin-Priority: -1\n")
            #expect(try await fake.refusal().contains("a pin of priority -1"))
        }
    }

    @Test("The wanted release goes before the host's own")
    func wantedRelease() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            try await fake.publish("next", suite: "trixie")
            try fake.configureDebian()
            try fake.configure("sources.list.d/next.list", "deb [signed-by=\(fake.keyring)] \(fake.url("next")) trixie main\n")
            try await fake.update()
            #expect(try await fake.mirror(.debian13).main.uri == fake.url("next"))
            #expect(try await fake.mirror(.debian12).main.uri == fake.url("debian"))
        }
    }

    @Test("For an archive that names no key, all that apt trusts is taken where Debian's own keys do not sign it")
    func trustedParts() async throws {
        try await FakeApt.with { fake in
            try await fake.publishDebian()
            _ = try await ProgramRunner.check("cp", [fake.keyring.string, fake.root.appending("etc/apt/trusted.gpg.d/own.gpg").string])
            let lines = "deb \(fake.url("debian")) bookworm main\ndeb \(fake.url("security")) bookworm-security main\n"
            try fake.configure("sources.list", lines)
            try await fake.update()
            #expect(try await fake.mirror().main.signedBy == .files([fake.root.appending("etc/apt/trusted.gpg.d/own.gpg").string]))
        }
    }

    @Test("What apt cannot read is reported in apt's words")
    func malformed() async throws {
        try await FakeApt.with { fake in
            try fake.configure("sources.list", "deb [signed-by=/x http://m.example/ bookworm main\n")
            let refusal = try await fake.refusal()
            #expect(refusal.contains("apt cannot read its own sources: E: "))
            #expect(refusal.contains("sources.list"))
        }
    }

    @Test("The host's own apt has an archive to build from")
    func realHost() async throws {
        let mirror = try await HostPackaging().mirror(for: .debian13)
        #expect(mirror.main.uri != "")
        #expect(mirror.security.uri != "")
    }
}

import ApplianceModel
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

@Suite("The recipe of an image")
struct ImageRecipeTests {
    private static func mirror(_ uri: String = "http://m.example/debian") -> DebianMirror {
        DebianMirror(
            main: DebianArchive(uri: uri, signedBy: .files(["/k.gpg"])), security: DebianArchive(uri: "http://s.example/d", signedBy: .files(["/k.gpg"])))
    }

    @Test("has a key of its own for every release and mirror, and the same one again")
    func keys() {
        let keys = [
            ImageRecipe(release: .debian13, mirror: Self.mirror()).key, ImageRecipe(release: .debian12, mirror: Self.mirror()).key,
            ImageRecipe(release: .debian13, mirror: Self.mirror("http://n.example/debian")).key,
        ]
        #expect(Set(keys).count == 3)
        #expect(keys.allSatisfy(ImageCache.isKey))
        #expect(ImageRecipe(release: .debian13, mirror: Self.mirror()).key == keys[0])
    }

    @Test("carries a script that a shell can read")
    func script() async throws {
        let result = try await ProgramRunner.run("sh", ["-n"], input: Array(ImageRecipe.customization.utf8))
        #expect(result.status == 0, "\(result.errorText)")
        #expect(ImageRecipe.customization.utf8.count > 1_000)
    }

    @Test("When packages cannot be set up, the first reason is told, and not only what could not be done for it")
    func reason() {
        let reason = ["Traceback", "OSError: out of something", "dpkg: error processing package python3-chardet (--configure):", " exit status 1"]
        let later = (1...30).flatMap { ["dpkg: error processing package p\($0) (--configure):", " dependency problems"] }
        let output =
            (1...50).map { "Setting up q\($0) ..." } + reason + later + ["E: Sub-process env returned an error code (1)", "E: mmdebstrap failed to run"]
        let told = ImageBuilder.reason(in: output.joined(separator: "\n"))
        #expect(told.count == 16 && reason.allSatisfy(told.contains) && told.contains("...") && told.last == "E: mmdebstrap failed to run")
        #expect(ImageBuilder.reason(in: "E: one\nE: two") == ["E: one", "E: two"])
        #expect(ImageBuilder.reason(in: "").isEmpty)
    }

    @Test("gives each disk identifiers of its own")
    func identifiers() {
        let one = DiskLayout()
        let other = DiskLayout()
        #expect(Set([one.espUUID, one.rootUUID, other.espUUID, other.rootUUID]).count == 4)
        #expect(one.espUUID.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
    }

    @Test("copies a keyring that the guest does not have, and names Debian's own where it is")
    func keyrings() async throws {
        try await withScratch { scratch in
            let own = scratch.appending("own.asc")
            try Files.write("key", to: own)
            let mirror = DebianMirror(
                main: DebianArchive(uri: "http://a/", signedBy: .files(["/usr/share/keyrings/debian-archive-keyring.gpg", own.string])),
                security: DebianArchive(uri: "http://b/", signedBy: .armoured("armour\n")))
            try Files.createDirectory(scratch.appending("keyrings"))
            let keys = try Keyrings(mirror: mirror, scratch: scratch)
            #expect(keys.main.inGuest == "/usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/pgkvm-mirror-1.asc")
            #expect(keys.main.onHost == "/usr/share/keyrings/debian-archive-keyring.gpg,\(scratch)/keyrings/pgkvm-mirror-1.asc")
            #expect(try Files.readText(FilePath(keys.security.onHost)) == "armour\n")
        }
    }
}

import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

/// Uses the cache of the user who runs the tests: the integration tests boot the same image, and a second run finds it.
@Suite("A real image", .enabled(if: ProgramRunner.lookUp("mmdebstrap") != nil, "needs mmdebstrap"), .timeLimit(.minutes(60)))
struct ImageBuildTests {
    @Test("is built by mmdebstrap from the host's mirror, and is a whole UEFI disk")
    func builds() async throws {
        let home = EnvironmentVariable.value("HOME") ?? "/root"
        let base = EnvironmentVariable.value("XDG_CACHE_HOME").map { FilePath($0) } ?? FilePath(home).appending(".cache")
        let cache = ImageCache(directory: base.appending("pgkvm").appending("images"))
        let image = try await cache.build(.debian13) { print("image: \($0.text)") }
        #expect(image.name == "debian-13")
        #expect(image.firmware == .uefi)
        #expect(image.postgresqlVersion == 17)
        #expect(try await cache.find(.release(.debian13)) == image)
        let disk = cache.diskPath(image)
        #expect(try DiskImage.format(head: DiskImage.head(of: disk), source: disk.string) == image.format)
        try await withScratch { scratch in
            let start = try await DiskImage.start(of: disk, format: image.format, scratch: scratch)
            #expect(DiskImage.firmware(start: start) == .uefi)
        }
        // The second call takes what is there.
        let lines = Lines()
        #expect(try await cache.build(.debian13) { lines.add($0.text) } == image)
        #expect(lines.all.isEmpty)
    }
}

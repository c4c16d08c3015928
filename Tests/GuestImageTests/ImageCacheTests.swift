import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

@Suite("The cache of images")
struct ImageCacheTests {
    private func put(_ image: CachedImage, in cache: ImageCache) throws {
        let directory = cache.path(image.key)
        try Files.createDirectory(directory)
        try Files.write("disk", to: cache.diskPath(image))
        try Files.write([UInt8](try JSONEncoder().encode(image)), to: directory.appending("image.json"))
    }

    @Test("is empty before anything was put in")
    func empty() async throws {
        try await withScratch { scratch in
            let cache = ImageCache(directory: scratch.appending("none"))
            let images = try cache.list()
            #expect(images.isEmpty)
            #expect(try await cache.find(.cached("x")) == nil)
            #expect(!Files.exists(cache.directory))
        }
    }

    @Test("lists by name and the newest first, and finds by name and by the beginning of the key")
    func finds() async throws {
        try await withScratch { scratch in
            let cache = ImageCache(directory: scratch)
            let images = [
                CachedImage.sample(key: "a", name: "one"), .sample(key: "b", name: "two", created: "2026-01-02T00:00:00Z"),
                .sample(key: "c", name: "two", created: "2026-01-03T00:00:00Z"),
            ]
            for image in images { try put(image, in: cache) }
            #expect(try cache.list().map(\.key) == [images[0], images[2], images[1]].map(\.key))
            #expect(try await cache.find(.cached("one")) == images[0])
            #expect(try await cache.find(.cached("bbbbbbbb")) == images[1])
            #expect(try await cache.find(.cached("bbbbbbb")) == nil)
            let failure = await #expect(throws: Failure.self) { try await cache.find(.cached("two")) }
            #expect(failure?.code == .imageAmbiguous)
        }
    }

    @Test("takes neither work in progress nor the remains of a deletion for an image")
    func hidden() async throws {
        try await withScratch { scratch in
            let cache = ImageCache(directory: scratch)
            let image = CachedImage.sample(key: "a", name: "one")
            try put(image, in: cache)
            for name in [".work.1.2", ".deleted.3", "\(image.key).old", "notes"] {
                _ = try await ProgramRunner.check("cp", ["-r", cache.path(image.key).string, scratch.appending(name).string])
            }
            try Files.createDirectory(cache.path(String(repeating: "d", count: 64)))
            #expect(try cache.list() == [image])
        }
    }

    @Test("deletes all of a name, one of a key, and says when there is nothing")
    func deletes() async throws {
        try await withScratch { scratch in
            let cache = ImageCache(directory: scratch)
            for (key, name) in [("a", "one"), ("b", "one"), ("c", "two")] as [(Character, String)] { try put(.sample(key: key, name: name), in: cache) }
            try cache.delete("one")
            #expect(try cache.list().map(\.name) == ["two"])
            try cache.delete("cccccccccc")
            #expect(try Files.list(scratch).isEmpty)
            let failure = #expect(throws: Failure.self) { try cache.delete("one") }
            #expect(failure?.code == .imageUnknown)
        }
    }

    @Test("refuses what a newer pgkvm wrote, and names the file")
    func newer() async throws {
        try await withScratch { scratch in
            let cache = ImageCache(directory: scratch)
            try put(.sample(key: "a", name: "one", format: CachedImage.currentFormat + 1), in: cache)
            let failure = #expect(throws: Failure.self) { try cache.list() }
            #expect(failure?.code == .newerFormat)
            #expect(failure?.message.contains("image.json") == true)
        }
    }

    @Test("says which image is damaged", arguments: ["", "{}", #"{"formatVersion":1}"#])
    func damaged(text: String) async throws {
        try await withScratch { scratch in
            let cache = ImageCache(directory: scratch)
            let image = CachedImage.sample(key: "a", name: "one")
            try put(image, in: cache)
            try Files.write(text, to: cache.path(image.key).appending("image.json"))
            let failure = #expect(throws: Failure.self) { try cache.list() }
            #expect(failure?.code == .imageDamaged)
            #expect(failure?.message.contains(image.key) == true)
        }
    }

    @Test("says that an image is damaged whose disk is gone")
    func diskGone() async throws {
        try await withScratch { scratch in
            let cache = ImageCache(directory: scratch)
            let image = CachedImage.sample(key: "a", name: "one")
            try put(image, in: cache)
            try Files.remove(cache.diskPath(image))
            await #expect(throws: Failure.self) { try await cache.find(.cached("one")) }
        }
    }

    @Test("removes what a killed build left, scratch directory included, and spares one that still runs")
    func leftovers() async throws {
        try await withScratch { scratch in
            let dead = try WorkDirectory(in: scratch)
            let deadScratch = try await dead.makeScratch()
            try Files.createDirectory(deadScratch.appending("mmdebstrap.x").appending("usr"))
            try Files.write("half an image", to: dead.path.appending("disk.raw"))
            let alive = try WorkDirectory(in: scratch)
            guard let lock = try FileLock.tryAcquire(alive.lock) else { throw Failure(.timedOut, "somebody holds the lock") }
            let lines = Lines()
            try await WorkDirectory.removeLeftovers(in: scratch) { lines.add($0.text) }
            #expect(!Files.exists(dead.path))
            #expect(!Files.exists(deadScratch))
            #expect(Files.exists(alive.path))
            #expect(lines.all.count == 1)
            withExtendedLifetime(lock) {}
        }
    }

    @Test("is empty again after a build that failed")
    func failedBuild() async throws {
        try await FakeApt.with { fake in
            // The wanted release is not there.
            try await fake.publishDebian()
            try fake.configureDebian()
            try await fake.update()
            let cache = ImageCache(directory: fake.root.appending("images"), packaging: fake.packaging)
            let failure = await #expect(throws: Failure.self) { try await cache.build(.debian13) { _ in } }
            #expect(failure?.code == .programFailed)
            #expect(try Files.list(cache.directory) == [".lock"])
            #expect(try await cache.find(.release(.debian13)) == nil)
        }
    }

    @Test("refuses to build where apt has no Debian archive, before anything is made")
    func noMirror() async throws {
        try await FakeApt.with { fake in
            let cache = ImageCache(directory: fake.root.appending("images"), packaging: fake.packaging)
            let failure = await #expect(throws: Failure.self) { try await cache.build(.debian12) { _ in } }
            #expect(failure?.code == .imageMirrorMissing)
            #expect(!Files.exists(cache.directory))
        }
    }
}

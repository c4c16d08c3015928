import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

@Suite("Importing an image")
struct ImageImportTests {
    /// A disk with content that does not compress away, and its checksum.
    private func makeSource(in scratch: FilePath, name: String = "disk.img") async throws -> (FilePath, ImageChecksum) {
        let served = scratch.appending("served")
        try Files.createDirectory(served)
        let disk = served.appending(name)
        try await makeDisk(disk, typecode: "ef00")
        _ = try await ProgramRunner.check("dd", ["if=/dev/urandom", "of=\(disk)", "bs=1M", "seek=1", "count=2", "conv=notrunc"])
        return (disk, try await checksum(of: disk))
    }

    private func same(_ one: FilePath, _ other: FilePath) async throws -> Bool {
        try await ProgramRunner.run("cmp", ["-s", one.string, other.string]).status == 0
    }

    @Test("a local file comes into the cache under its name and is found again")
    func localFile() async throws {
        try await withScratch { scratch in
            let (disk, checksum) = try await makeSource(in: scratch)
            let cache = ImageCache(directory: scratch.appending("images"))
            let image = try await cache.importImage(from: disk.string, checksum: checksum) { _ in }
            #expect(image.name == "disk")
            #expect(image.format == .raw)
            #expect(image.firmware == .uefi)
            #expect(image.virtualSize == .mebibytes(4))
            #expect(try await same(disk, cache.diskPath(image)))
            #expect(try await cache.find(.cached("disk")) == image)
            #expect(Files.status(cache.path(image.key))?.permissions == 0o700)
            // The source may be gone by then.
            try Files.remove(disk)
            #expect(try await cache.importImage(from: disk.string, checksum: checksum) { _ in } == image)
            #expect(try cache.list() == [image])
        }
    }

    @Test("a wrong checksum is told with both sums, and nothing stays")
    func wrongChecksum() async throws {
        try await withScratch { scratch in
            let (disk, right) = try await makeSource(in: scratch)
            let wrong = try ImageChecksum(String(repeating: "0", count: 64))
            let cache = ImageCache(directory: scratch.appending("images"))
            try await ImageServer.with(serving: disk.removingLastComponent()) { server in
                for source in [disk.string, server.url("disk.img")] {
                    let failure = await #expect(throws: Failure.self) { try await cache.importImage(from: source, checksum: wrong) { _ in } }
                    #expect(failure?.code == .imageChecksumMismatch)
                    #expect(failure?.message.contains(right.description) == true)
                    #expect(failure?.message.contains(wrong.description) == true)
                    let left = try Files.list(cache.directory)
                    #expect(left == [".lock"])
                }
            }
        }
    }

    @Test("a download that is cut off again and again continues where it was, and tells so")
    func cutOff() async throws {
        try await withScratch { scratch in
            let (disk, checksum) = try await makeSource(in: scratch)
            let cache = ImageCache(directory: scratch.appending("images"))
            let lines = Lines()
            try await ImageServer.with(serving: disk.removingLastComponent(), cut: 700_000, cuts: 4) { server in
                let image = try await cache.importImage(from: server.url("disk.img?x=1"), checksum: checksum) { lines.add($0.text) }
                #expect(image.name == "disk")
                #expect(try await same(disk, cache.diskPath(image)))
                #expect(
                    try server.requests()
                        == ["-", "bytes=700000-", "bytes=1400000-", "bytes=2100000-", "bytes=2800000-"].map { "GET /disk.img?x=1 \($0)" })
            }
            #expect(lines.contains("cut off"))
            #expect(try Files.list(cache.directory).filter { $0.hasPrefix(".partial") }.isEmpty)
        }
    }

    @Test("a download that an earlier call left is continued, also when it was complete")
    func continuesLater() async throws {
        try await withScratch { scratch in
            let (disk, checksum) = try await makeSource(in: scratch)
            let whole = try Files.read(disk)
            for length in [1_000_000, whole.count] {
                let cache = ImageCache(directory: scratch.appending("images-\(length)"))
                try Files.createDirectory(cache.directory)
                try Files.write(Array(whole[..<length]), to: cache.directory.appending(".partial.sha256.\(checksum.digest)"))
                try await ImageServer.with(serving: disk.removingLastComponent()) { server in
                    let image = try await cache.importImage(from: server.url("disk.img"), checksum: checksum) { _ in }
                    #expect(try await same(disk, cache.diskPath(image)))
                    #expect(try server.requests() == ["GET /disk.img bytes=\(length)-"])
                }
            }
        }
    }

    @Test("a server that cannot continue sends everything again")
    func noRanges() async throws {
        try await withScratch { scratch in
            let (disk, checksum) = try await makeSource(in: scratch)
            let cache = ImageCache(directory: scratch.appending("images"))
            try await ImageServer.with(serving: disk.removingLastComponent(), cut: 500_000, cuts: 1, ranges: false) { server in
                let image = try await cache.importImage(from: server.url("disk.img"), checksum: checksum) { _ in }
                #expect(try await same(disk, cache.diskPath(image)))
            }
        }
    }

    @Test("a download that never gets on is given up, and what came is kept for the next call")
    func givesUp() async throws {
        try await withScratch { scratch in
            let (disk, checksum) = try await makeSource(in: scratch)
            let cache = ImageCache(directory: scratch.appending("images"))
            try await ImageServer.with(serving: disk.removingLastComponent(), cut: 0, cuts: 100) { server in
                try Files.createDirectory(cache.directory)
                let partial = cache.directory.appending(".partial.sha256.\(checksum.digest)")
                try Files.write(Array(try Files.read(disk)[..<5_000]), to: partial)
                let failure = await #expect(throws: Failure.self) {
                    try await cache.importImage(from: server.url("disk.img"), checksum: checksum) { _ in }
                }
                #expect(failure?.code == .imageDownloadFailed)
                #expect(Files.status(partial)?.size == ByteSize(bytes: 5_000))
            }
        }
    }

    @Test("an address that holds nothing, and a file that is not there, are told by name")
    func nothingThere() async throws {
        try await withScratch { scratch in
            let (disk, checksum) = try await makeSource(in: scratch)
            let cache = ImageCache(directory: scratch.appending("images"))
            try await ImageServer.with(serving: disk.removingLastComponent()) { server in
                let failure = await #expect(throws: Failure.self) {
                    try await cache.importImage(from: server.url("none.img"), checksum: checksum) { _ in }
                }
                #expect(failure?.code == .imageDownloadFailed)
                #expect(failure?.message.contains("404") == true)
            }
            let failure = await #expect(throws: Failure.self) { try await cache.importImage(from: "/none.img", checksum: checksum) { _ in } }
            #expect(failure?.code == .fileUnreadable)
        }
    }

    @Test("what is no disk image is refused and not kept")
    func notADisk() async throws {
        try await withScratch { scratch in
            let file = scratch.appending("text.img")
            try Files.write("no disk", to: file)
            let cache = ImageCache(directory: scratch.appending("images"))
            let checksum = try await checksum(of: file)
            let failure = await #expect(throws: Failure.self) { try await cache.importImage(from: file.string, checksum: checksum) { _ in } }
            #expect(failure?.code == .imageFormatRefused)
            #expect(try Files.list(cache.directory) == [".lock"])
        }
    }

    @Test("a name that means a release or cannot be typed is refused", arguments: ["debian-13", "", "-x", "a/b", "a b", "é", ".hidden"])
    func names(name: String) async throws {
        try await withScratch { scratch in
            let (disk, checksum) = try await makeSource(in: scratch)
            let cache = ImageCache(directory: scratch.appending("images"))
            let failure = await #expect(throws: Failure.self) {
                try await cache.importImage(from: disk.string, checksum: checksum, name: name) { _ in }
            }
            #expect(failure?.code == .invalidInput)
            #expect(!Files.exists(cache.directory))
        }
    }

    @Test("waits for another one that adds to the cache, and says so")
    func waits() async throws {
        try await withScratch { scratch in
            let (disk, checksum) = try await makeSource(in: scratch)
            let cache = ImageCache(directory: scratch.appending("images"))
            try Files.createDirectory(cache.directory)
            let lines = Lines()
            guard let lock = try FileLock.tryAcquire(cache.directory.appending(".lock")) else { throw Failure(.timedOut, "somebody holds the lock") }
            let task = Task { try await cache.importImage(from: disk.string, checksum: checksum) { lines.add($0.text) } }
            let told: Bool? = try await poll(every: .milliseconds(600), until: .now.advanced(by: .seconds(30)), on: ContinuousClock()) {
                lines.contains("waiting for another") ? true : nil
            }
            #expect(told == true)
            #expect(try cache.list().isEmpty)
            drop(lock)
            #expect(try await task.value.name == "disk")
        }
    }

    private func drop(_ lock: consuming FileLock) {}

    @Test("done twice at once gives one image")
    func twice() async throws {
        try await withScratch { scratch in
            let (disk, checksum) = try await makeSource(in: scratch)
            let cache = ImageCache(directory: scratch.appending("images"))
            async let one = cache.importImage(from: disk.string, checksum: checksum) { _ in }
            async let other = cache.importImage(from: disk.string, checksum: checksum) { _ in }
            let images = try await [one, other]
            #expect(images[0] == images[1])
            #expect(try cache.list() == [images[0]])
        }
    }
}

import ApplianceModel
import Basics
import Glibc
import HostSystem
import SystemPackage
import Testing

@Suite("Files")
struct FilesTests {
    @Test("What was written is read back, whole and empty alike", arguments: [0, 1, 65_536, 200_000])
    func readsBack(size: Int) async throws {
        try await withTemporaryDirectory { directory in
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try Files.write(bytes, to: directory.appending("file"))
            #expect(try Files.read(directory.appending("file")) == bytes)
            #expect(try Files.readIfPresent(directory.appending("file")) == bytes)
            #expect(try Files.readIfPresent(directory.appending("none")) == nil)
        }
    }

    @Test("A new file is written whole, and never in the place of one that is there")
    func writesNew() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file")
            let isWritten = try ["one", "two"].map { try Files.writeNew(Array($0.utf8), to: path) }
            #expect(isWritten == [true, false])
            #expect(try Files.readText(path) == "one")
            #expect(Files.status(path)?.permissions == 0o600)
            #expect(try Files.list(directory) == ["file"])
            #expect(throws: Failure.self) { try Files.writeNew([], to: directory.appending("no/file")) }
        }
    }

    private func keepEnd(_ path: FilePath, _ count: Int) throws {
        if let file = try RegularFile.open(path, forWriting: true) { try file.keepEnd(count) } else { Issue.record("no '\(path)'") }
    }

    @Test("A log is cut to its end while somebody goes on appending to it")
    func keepsEnd() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("log")
            try Files.write("0123456789", to: path)
            let appender = try FileDescriptor.open(path, .writeOnly, options: .append)
            try appender.closeAfter {
                try keepEnd(path, 4)
                #expect(try Files.readText(path) == "6789")
                try appender.writeAll("ab".utf8)
            }
            #expect(try Files.readText(path) == "6789ab")
            try keepEnd(path, 100)
            #expect(try Files.readText(path) == "6789ab")
        }
    }

    @Test("Text of every kind is read back, under a name of every kind")
    func text() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("ä name with 'quotes' and 🐘")
            try Files.write("grüße 🐘\n", to: path)
            #expect(try Files.readText(path) == "grüße 🐘\n")
            #expect(try Files.list(directory) == ["ä name with 'quotes' and 🐘"])
        }
    }

    @Test("A file gets exactly the mode that was asked for, whatever the umask", arguments: [0o600, 0o644, 0o666, 0o400] as [CModeT])
    func mode(bits: CModeT) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file")
            try Files.write("x", to: path, mode: FilePermissions(rawValue: bits))
            #expect(Files.status(path)?.permissions == bits)
        }
    }

    @Test("A file is private unless something else was asked for, also when it replaces an open one")
    func privateByDefault() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file")
            try Files.write("x", to: path, mode: FilePermissions(rawValue: 0o644))
            try Files.write("y", to: path)
            #expect(Files.status(path)?.permissions == 0o600)
        }
    }

    @Test("A reader sees the old content or the new one, never a mixture, and no temporary file stays")
    func atomicForReaders() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file")
            let contents = [UInt8(ascii: "a"), UInt8(ascii: "b")].map { [UInt8](repeating: $0, count: 100_000) }
            try Files.write(contents[0], to: path)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for round in 1...40 { try Files.write(contents[round % 2], to: path) } }
                group.addTask {
                    for _ in 1...40 {
                        let seen = try Files.read(path)
                        #expect(seen == contents[0] || seen == contents[1])
                    }
                }
                try await group.waitForAll()
            }
            #expect(try Files.list(directory) == ["file"])
        }
    }

    @Test("A process that is killed while it writes leaves the old content or the new one")
    func atomicForCrashes() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file").string
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                Thread.start {
                    while !Files.exists(FilePath(path)) { usleep(100) }
                    usleep(20_000)
                    kill(getpid(), SIGKILL)
                }
                var letter = UInt8(ascii: "a")
                while true {
                    try Files.write([UInt8](repeating: letter, count: 300_000), to: FilePath(path))
                    letter = letter == UInt8(ascii: "z") ? UInt8(ascii: "a") : letter + 1
                }
            }
            let left = try Files.read(FilePath(path))
            #expect(left.count == 300_000)
            #expect(Set(left).count == 1)
        }
    }

    @Test("A write that fails says so, keeps what was there, and leaves no temporary file")
    func failedWrite() async throws {
        try await withTemporaryDirectory { directory in
            let target = directory.appending("occupied")
            try Files.createDirectory(target)
            try Files.write("kept", to: target.appending("inside"))
            let failure = try #require(throws: Failure.self) { try Files.write("x", to: target) }
            #expect(failure.code == .fileUnwritable)
            #expect(failure.message.contains(target.string))
            #expect(failure.cause != nil)
            #expect(try Files.list(directory) == ["occupied"])
            #expect(try Files.readText(target.appending("inside")) == "kept")
        }
    }

    @Test("A write into a missing directory is an error")
    func missingDirectory() throws {
        let failure = try #require(throws: Failure.self) { try Files.write("x", to: "/tmp/pgkvm-no-such-directory/file") }
        #expect(failure.code == .fileUnwritable)
    }

    @Test("Reading what is not there, or is a directory, is an error that names it", arguments: ["/tmp/pgkvm-no-such-file", "/tmp"])
    func unreadable(path: String) throws {
        let failure = try #require(throws: Failure.self) { try Files.read(FilePath(path)) }
        #expect(failure.code == .fileUnreadable)
        #expect(failure.message == "cannot read '\(path)'")
    }

    @Test("Directories are made with those above them, private, and twice is no error")
    func directories() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("a").appending("b")
            try Files.createDirectory(path)
            try Files.createDirectory(path)
            #expect(Files.isDirectory(path))
            #expect(Files.status(path)?.permissions == 0o700)
            #expect(Files.status(directory)?.permissions == 0o700)
        }
    }

    @Test("A file in the way of a directory is an error")
    func fileInTheWay() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file")
            try Files.write("x", to: path)
            #expect(throws: Failure.self) { try Files.createDirectory(path) }
            #expect(throws: Failure.self) { try Files.createDirectory(path.appending("below")) }
        }
    }

    @Test("Removing takes a whole tree, does not follow links, and finds nothing without complaint")
    func remove() async throws {
        try await withTemporaryDirectory { directory in
            let outside = directory.appending("outside")
            try Files.createDirectory(outside)
            try Files.write("kept", to: outside.appending("file"))
            let tree = directory.appending("tree")
            try Files.createDirectory(tree.appending("deep"))
            try Files.write("x", to: tree.appending("deep").appending("file"))
            try #require(symlink(outside.string, tree.appending("link").string) == 0)
            try #require(symlink("/nowhere", tree.appending("dangling").string) == 0)
            try Files.remove(tree)
            #expect(try Files.list(directory) == ["outside"])
            #expect(try Files.readText(outside.appending("file")) == "kept")
            try Files.remove(tree)
        }
    }

    @Test("Renaming replaces, and a missing source is an error")
    func rename() async throws {
        try await withTemporaryDirectory { directory in
            let (old, new) = (directory.appending("old"), directory.appending("new"))
            try Files.write("1", to: old)
            try Files.write("2", to: new)
            try Files.rename(old, to: new)
            #expect(try Files.readText(new) == "1")
            #expect(try Files.list(directory) == ["new"])
            #expect(throws: Failure.self) { try Files.rename(old, to: new) }
        }
    }

    @Test("A list is sorted, and that of a missing directory is empty")
    func list() async throws {
        try await withTemporaryDirectory { directory in
            for name in ["b", ".a", "c"] { try Files.write("", to: directory.appending(name)) }
            #expect(try Files.list(directory) == [".a", "b", "c"])
            #expect(try Files.list(directory.appending("none")).isEmpty)
            let failure = try #require(throws: Failure.self) { try Files.list(directory.appending("b")) }
            #expect(failure.code == .fileUnreadable)
        }
    }

    @Test("Status tells a sparse file's size from its allocation, a link from its target, and what can be run")
    func status() async throws {
        try await withTemporaryDirectory { directory in
            let sparse = directory.appending("sparse")
            try Files.write("", to: sparse)
            try #require(truncate(sparse.string, 1 << 20) == 0)
            let status = try #require(Files.status(sparse))
            #expect(status.size == ByteSize(bytes: 1 << 20))
            #expect(status.allocated < status.size)
            #expect(status.isRegularFile && !status.isDirectory)
            #expect(status.owner == geteuid())

            let link = directory.appending("link")
            try #require(symlink(directory.string, link.string) == 0)
            #expect(Files.status(link)?.isDirectory == true)
            #expect(Files.status(link, followLinks: false)?.isDirectory == false)

            #expect(!Files.isExecutable(sparse))
            #expect(!Files.isExecutable(directory))
            try Files.write("", to: sparse, mode: .ownerReadWriteExecute)
            #expect(Files.isExecutable(sparse))
        }
    }

    @Test("Free space is that of the file system, and a missing path is an error")
    func freeSpace() throws {
        #expect(try Files.freeSpace(at: "/tmp").bytes >= 0)
        #expect(try Files.freeSpace(at: "/proc").bytes == 0)
        #expect(throws: Failure.self) { try Files.freeSpace(at: "/tmp/pgkvm-no-such-file") }
    }

    @Test("Temporary directories are private and never the same")
    func temporaryDirectories() async throws {
        try await withTemporaryDirectory { directory in
            let made = try (1...10).map { _ in try Files.createTemporaryDirectory(in: directory, prefix: "work") }
            #expect(Set(made).count == 10)
            #expect(made.allSatisfy { Files.status($0)?.permissions == 0o700 })
        }
    }

    @Test("What a killed process left is removed, and nothing else")
    func abandoned() async throws {
        // Above every process id of Linux.
        let gone = 4_194_305, own = getpid()
        let left = [".card.json.\(gone).17.tmp", ".key.\(gone).18", ".x.\(gone).4294967295.tmp"]
        let kept = [".card.json.\(own).17.tmp", ".key.\(own).18", "card.json.\(gone).17.tmp", ".lock", ".bases", ".kept.\(gone)", ".a.b.c", "spec.yaml"]
        try await withTemporaryDirectory { directory in
            for name in left + kept { try Files.write("x", to: directory.appending(name)) }
            try Files.remove(directory.appending(left[1]))
            try Files.createDirectory(directory.appending(left[1]).appending("inside"))
            try Files.removeAbandoned(in: directory)
            #expect(try Files.list(directory) == kept.sorted())
            try Files.removeAbandoned(in: directory.appending("missing"))
        }
    }
}

/// A thread that the process does not wait for.
private enum Thread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(_ run: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(Body(run)).toOpaque())
        pthread_detach(thread)
    }
}

import ApplianceModel
import Basics
import Glibc
import HostSystem
import SystemPackage
import Testing

@Suite("Files that may be anything", .timeLimit(.minutes(40)))
struct RegularFileTests {
    /// Puts what is no regular file in a place.
    private func put(_ kind: String, at path: FilePath) throws {
        switch kind {
        case "a pipe": try #require(mkfifo(path.string, 0o600) == 0)
        case "a directory": try Files.createDirectory(path)
        case "a link to a file":
            try Files.write("secret", to: path.removingLastComponent().appending("target"))
            try #require(symlink("target", path.string) == 0)
        case "a link to /dev/zero": try #require(symlink("/dev/zero", path.string) == 0)
        case "a link to nothing": try #require(symlink("/nowhere", path.string) == 0)
        default:
            let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(file) }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.string.utf8) }
            let bound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
            }
            try #require(bound == 0)
        }
    }

    @Test(
        "What is no regular file is refused at once, with its name",
        arguments: ["a pipe", "a directory", "a link to a file", "a link to /dev/zero", "a link to nothing", "a socket"])
    func refused(kind: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file")
            try put(kind, at: path)
            let tries: [() throws -> Void] = [
                { _ = try Files.readRegular(path) }, { _ = try Files.readRegularIfPresent(path) }, { _ = try Files.readEnd(path, bytes: 10) },
                { _ = try RegularFile.open(path, forWriting: true)?.status },
                { _ = try DirectoryHandle.open(directory)?.file("file")?.status },
            ]
            for attempt in tries {
                let failure = try #require(throws: Failure.self) { try attempt() }
                #expect(failure.code == .fileUnreadable)
                #expect(failure.message.contains("'\(path)' is not a regular file"))
                #expect(failure.remedy == "look what was put there: ls -ld \(path)")
            }
        }
    }

    @Test("A file that is larger than it can be is refused, and the end of one of any size is read")
    func large() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file")
            try Files.write("begin", to: path)
            try #require(truncate(path.string, 1 << 40) == 0)
            let failure = try #require(throws: Failure.self) { try Files.readRegular(path) }
            #expect(failure.message.contains("'\(path)' is too large"))
            #expect(try Files.readEnd(path, bytes: 3) == [0, 0, 0])
            try #require(truncate(path.string, 5) == 0)
            #expect(try Files.readRegular(path, atMost: 5) == Array("begin".utf8))
            #expect(throws: Failure.self) { try Files.readRegular(path, atMost: 4) }
            #expect(try Files.readEnd(path, bytes: 100) == Array("begin".utf8))
            #expect(try Files.readEnd(path, bytes: 2) == Array("in".utf8))
            #expect(try Files.readEnd(directory.appending("none"), bytes: 2) == nil)
            #expect(try Files.readRegularIfPresent(directory.appending("none")) == nil)
            let missing = try #require(throws: Failure.self) { try Files.readRegular(directory.appending("none")) }
            #expect(missing.code == .fileUnreadable)
        }
    }

    @Test("A file with a second name is given to nobody", .enabled("only root gives files away") { HostEnvironment.isRoot })
    func given() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file")
            try Files.write("x", to: path)
            func give() throws {
                if let file = try RegularFile.open(path) { try file.give(user: 65_534, group: 65_534) }
            }
            try give()
            #expect(Files.status(path)?.owner == 65_534)
            try #require(chown(path.string, 0, 0) == 0)
            try #require(link(path.string, directory.appending("other").string) == 0)
            #expect(throws: Failure.self) { try give() }
            #expect(Files.status(path)?.owner == 0)
        }
    }

    @Test("A directory is opened as itself, never through a link, and stays the one that was opened")
    func directories() async throws {
        try await withTemporaryDirectory { directory in
            let (own, link) = (directory.appending("own"), directory.appending("link"))
            try Files.createDirectory(own)
            try Files.write("x", to: own.appending("file"))
            try #require(symlink("own", link.string) == 0)
            #expect(throws: Failure.self) { _ = try DirectoryHandle.open(link) }
            #expect(try DirectoryHandle.open(directory.appending("none")) == nil)
            let handle = try #require(try DirectoryHandle.open(own))
            try Files.rename(own, to: directory.appending("moved"))
            try Files.createDirectory(own)
            try Files.write("y", to: own.appending("file"))
            try Files.write("y", to: own.appending("other"))
            #expect(try handle.names() == ["file"])
            #expect(handle.status("other") == nil)
            try handle.remove("file")
            #expect(try Files.list(own) == ["file", "other"])
            #expect(try Files.list(directory.appending("moved")).isEmpty)
        }
    }
}

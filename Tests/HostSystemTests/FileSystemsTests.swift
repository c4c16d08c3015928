import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite("File systems of the host")
struct FileSystemsTests {
    @Test("Space is really allocated, an existing file keeps its content, and repeating changes nothing")
    func allocates() throws {
        try withDirectory { directory in
            let path = directory.appending("disk")
            try Files.write("content", to: path)
            for _ in 0..<2 {
                try FileSystems.allocate(path, size: .mebibytes(3))
                let status = try #require(Files.status(path))
                #expect(status.size == .mebibytes(3))
                #expect(status.allocated >= .mebibytes(3))
                #expect(status.permissions == 0o600)
            }
            #expect(try Files.read(path, from: 0, limit: 9) == Array("content\0\0".utf8))
            try FileSystems.allocate(path, size: .mebibytes(1))
            #expect(Files.status(path)?.size == .mebibytes(3))
        }
    }

    @Test("A hole is filled")
    func fills() throws {
        try withDirectory { directory in
            let path = directory.appending("disk")
            let file = try FileDescriptor.open(path, .writeOnly, options: .create, permissions: .ownerReadWrite)
            try file.closeAfter { try file.resize(to: 1 << 20) }
            #expect(try #require(Files.status(path)).allocated < .mebibytes(1))
            try FileSystems.allocate(path, size: .mebibytes(1))
            #expect(try #require(Files.status(path)).allocated >= .mebibytes(1))
        }
    }

    @Test("A symbolic link and a missing directory are refused")
    func refused() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-files")
        defer { try? Files.remove(directory) }
        try Files.write("", to: directory.appending("target"))
        _ = try await ProgramRunner.check("ln", ["-s", "target", directory.appending("link").string])
        for name in ["link", "missing/disk"] {
            let error = #expect(throws: Failure.self) { try FileSystems.allocate(directory.appending(name), size: .mebibytes(1)) }
            #expect(error?.code == .fileUnwritable)
        }
        #expect(Files.status(directory.appending("target"))?.size == ByteSize(bytes: 0))
    }

    @Test(
        "A full file system is said to be full, a new file is gone and an old one as before",
        .enabled("a small file system is mounted, which needs the right to mount") { await SmallFileSystem.isPossible })
    func full() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-files")
        defer { try? Files.remove(directory) }
        try await SmallFileSystem.with(size: "256k", at: directory) { root in
            #expect(try FileSystems.name(at: root) == "tmpfs")
            let before = try Files.freeSpace(at: root)
            let error = #expect(throws: Failure.self) { try FileSystems.allocate(root.appending("new"), size: .mebibytes(1)) }
            #expect(error?.code == .diskFull)
            #expect(error?.remedy != nil)
            #expect(try Files.list(root).isEmpty)
            #expect(try Files.freeSpace(at: root) == before)

            let old = root.appending("old")
            try Files.write("content", to: old)
            let used = try Files.freeSpace(at: root)
            #expect(throws: Failure.self) { try FileSystems.allocate(old, size: .mebibytes(1)) }
            #expect(try Files.readText(old) == "content")
            #expect(try Files.freeSpace(at: root) == used)
        }
    }

    @Test("Known file systems have names, and a path that is not there is an error")
    func names() throws {
        #expect(try FileSystems.name(at: "/proc").hasPrefix("0x"))
        #expect(try !FileSystems.name(at: "/tmp").isEmpty)
        let error = #expect(throws: Failure.self) { try FileSystems.name(at: "/no/such/path") }
        #expect(error?.code == .fileUnreadable)
    }

    @Test("The question about O_DIRECT leaves nothing behind, and fails where no file can be made")
    func directIO() throws {
        try withDirectory { directory in
            _ = try FileSystems.supportsDirectIO(at: directory)
            #expect(try Files.list(directory).isEmpty)
            #expect(throws: Failure.self) { try FileSystems.supportsDirectIO(at: directory.appending("missing")) }
        }
    }

    @Test("The host's memory is known")
    func memory() throws {
        let memory = try HostMemory.current()
        #expect(memory.available.bytes > 0)
        #expect(memory.available < memory.total)
    }

    private func withDirectory(_ body: (FilePath) throws -> Void) throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-files")
        defer { try? Files.remove(directory) }
        try body(directory)
    }
}

import ApplianceModel
import Basics
import HostSystem
import SecureShell
import SystemPackage
import TestSupport
import Testing

@Suite("Files over SSH, with a real sshd", .enabled(if: SSHServer.isAvailable, "needs sshd and ssh-keygen"))
struct FileTransferTests {
    @Test("A file arrives whole, with its mode, and comes back", arguments: [(0, 0o600), (1, 0o644), (40_000, 0o755), (5 << 20, 0o400)] as [(Int, UInt16)])
    func roundTrip(size: Int, mode: UInt16) async throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ $0 >> 9) }
        try await SSHServer.run { server in
            let connection = try await server.open()
            let path = server.scratch.appending("ü 'x' $HOME 🐘.bin")
            try await connection.upload(bytes, to: path.string, mode: mode)
            #expect(try Files.read(path) == bytes)
            #expect(Files.status(path)?.permissions == UInt32(mode))
            #expect(try await connection.download(path.string, limit: size) == bytes)
            #expect(try Files.list(server.scratch).count == 1)
            await connection.close()
        }
    }

    @Test("A file that is there already is replaced, under another inode")
    func replace() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let path = server.scratch.appending("file")
            try Files.write("a longer content than the next", to: path)
            let before = try #require(Files.status(path)?.inode)
            try await connection.upload(Array("short".utf8), to: path.string, mode: 0o640)
            #expect(try Files.readText(path) == "short")
            #expect(Files.status(path)?.inode != before)
            await connection.close()
        }
    }

    @Test("What cannot be written or read says why, leaves nothing, and the connection goes on")
    func failures() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let missing = server.scratch.appending("missing/file").string
            let upload = await #expect(throws: Failure.self) { try await connection.upload([1], to: missing, mode: 0o600) }
            #expect(upload?.code == .sshFileTransfer)
            #expect(upload?.message.contains("no such file") == true)
            let download = await #expect(throws: Failure.self) { try await connection.download(missing, limit: 10) }
            #expect(download?.code == .sshFileTransfer)
            #expect(download?.message.contains("no such file") == true)
            // The last act fails: a file cannot take a directory's place.
            let directory = server.scratch.appending("directory")
            try Files.createDirectory(directory)
            let rename = await #expect(throws: Failure.self) { try await connection.upload([1], to: directory.string, mode: 0o600) }
            #expect(rename?.code == .sshFileTransfer)
            for path in ["", "a\0b"] {
                let refused = await #expect(throws: Failure.self) { try await connection.upload([1], to: path, mode: 0o600) }
                #expect(refused?.code == .invalidInput)
            }
            #expect(try Files.list(server.scratch) == ["directory"])
            #expect(try await connection.check("echo on").outputText == "on\n")
            await connection.close()
        }
    }

    @Test("A file larger than wanted is not read to its end")
    func limit() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let path = server.scratch.appending("file")
            try Files.write([UInt8](repeating: 1, count: 100), to: path)
            let failure = await #expect(throws: Failure.self) { try await connection.download(path.string, limit: 99) }
            #expect(failure?.code == .sshFileTransfer)
            #expect(try await connection.download(path.string, limit: 100).count == 100)
            await connection.close()
        }
    }

    @Test("A server without SFTP is a failed transfer, not a lost connection")
    func noSubsystem() async throws {
        var options = SSHServer.Options()
        options.configuration = ["Match all", "ForceCommand echo only this"]
        try await SSHServer.run(options) { server in
            let connection = try await server.open()
            let failure = await #expect(throws: Failure.self) { try await connection.upload([1], to: "/nowhere/x", mode: 0o600) }
            #expect(failure?.code == .sshFileTransfer)
            await connection.close()
        }
    }
}

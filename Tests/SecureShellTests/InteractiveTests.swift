import ApplianceModel
import HostSystem
import SecureShell
import SystemPackage
import TestSupport
import Testing

@Suite("Interactive sessions, with a real sshd", .enabled(if: SSHServer.isAvailable, "needs sshd and ssh-keygen"))
struct InteractiveTests {
    @Test("Without a terminal the streams are carried byte for byte")
    func streams() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 10) }
            let paths = (input: server.scratch.appending("in"), output: server.scratch.appending("out"), error: server.scratch.appending("err"))
            try Files.write(bytes, to: paths.input)
            let input = try FileDescriptor.open(paths.input, .readOnly, options: .closeOnExec)
            let output = try FileDescriptor.open(paths.output, .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
            let error = try FileDescriptor.open(paths.error, .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
            defer { for file in [input, output, error] { try? file.close() } }
            let status = try await connection.interactive(
                command: "cat; echo problem >&2; exit 6", terminal: nil, input: input, output: output, error: error)
            #expect(status == 6)
            #expect(try Files.read(paths.output) == bytes)
            #expect(try Files.readText(paths.error) == "problem\n")
            await connection.close()
        }
    }

    @Test("A terminal has the size it was given, and the one it is changed to")
    func terminal() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let path = server.scratch.appending("out")
            let input = try FileDescriptor.pipe()
            let output = try FileDescriptor.open(path, .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
            defer { for file in [input.readEnd, input.writeEnd, output] { try? file.close() } }
            async let status = connection.interactive(
                command: "echo $TERM; stty size; trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.05; done",
                terminal: (columns: 91, rows: 33, term: "vt220"), input: input.readEnd, output: output, error: output)
            // The shell's own text tells when it can take the change.
            let ready = try await poll(every: .milliseconds(600), until: .now.advanced(by: .seconds(30)), on: ContinuousClock()) {
                try Files.readText(path).contains("ready") ? true : nil
            }
            try #require(ready == true)
            connection.resize(columns: 120, rows: 50)
            #expect(try await status == 3)
            #expect(try Files.readText(path) == "vt220\r\n33 91\r\nready\r\n50 120\r\n")
            await connection.close()
        }
    }

    @Test("A shell is started when there is no command, and what is typed reaches it")
    func shell() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let path = server.scratch.appending("out")
            let input = try FileDescriptor.pipe()
            let output = try FileDescriptor.open(path, .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
            defer { for file in [input.readEnd, output] { try? file.close() } }
            try input.writeEnd.writeAll(Array("cd /; echo $((40 + 2)); exit 9\n".utf8))
            try input.writeEnd.close()
            let status = try await connection.interactive(
                command: nil, terminal: nil, input: input.readEnd, output: output, error: output)
            #expect(status == 9)
            #expect(try Files.readText(path).contains("42\n"))
            await connection.close()
        }
    }
}

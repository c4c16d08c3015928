import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import TestSupport
import Testing

@testable import SecureShell

/// What a guest does with the channel of a command.
typealias GuestBehaviour = @Sendable (TrustedServer, UInt32) throws -> Void

struct GuestLie: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let behaviour: GuestBehaviour
}

/// What a guest does to whoever it let in: it has the pinned key.
@Suite("Guests that lie over SSH", .timeLimit(.minutes(40)))
struct HostileGuestTests {
    private func with<Value: Sendable>(
        answerLimit: Duration = .seconds(60), _ behaviour: @escaping GuestBehaviour, _ body: (SSHConnection) async throws -> Value
    ) async throws -> Value {
        let server = try HostileServer { client in
            guard let opened = try? TrustedServer(client) else { return }
            try? behaviour(opened, try opened.waitForStart())
        }
        let key = try #require(HostKey(blob: TrustedServer.keyBlob))
        let socket = try await Sockets.connect(to: Endpoint(host: "127.0.0.1", port: server.port), timeout: .seconds(100))
        let connection = try await SSHConnection.open(
            socket: socket, hostKeys: [key], user: "user", privateKey: Secret("none"), publicKey: key.openSSHLine, timeout: .seconds(100),
            answerLimit: answerLimit)
        do {
            let value = try await body(connection)
            await connection.close()
            await server.stop()
            return value
        } catch {
            await connection.close()
            await server.stop()
            throw error
        }
    }

    private func run(timeout: Duration = .seconds(100), _ behaviour: @escaping GuestBehaviour) async throws -> ShellResult {
        try await with(behaviour) { try await $0.run("true", input: [], timeout: timeout) }
    }

    private func failure(timeout: Duration = .seconds(100), _ behaviour: @escaping GuestBehaviour) async -> Failure? {
        await #expect(throws: Failure.self) { _ = try await run(timeout: timeout, behaviour) }
    }

    @Test(
        "What a server tells in full is believed", arguments: [(0, nil, 0), (7, nil, 7), (256, nil, 256), (0, "KILL", 137), (0, "SEGV", 139), (0, "ODD", 128)])
    func whole(status: UInt32, signal: String?, expected: Int32) async throws {
        let result = try await run { server, channel in
            try server.send(Array("out".utf8), in: channel)
            if let signal {
                try server.request("exit-signal", TrustedServer.string(signal) + [0] + TrustedServer.string("") + TrustedServer.string(""), in: channel)
            } else {
                try server.request("exit-status", TrustedServer.number(status), in: channel)
            }
            try server.close(channel)
            try server.stayAlive()
        }
        #expect(result == ShellResult(status: expected, standardOutput: Array("out".utf8), signal: signal))
    }

    static let silences: [GuestLie] = [
        GuestLie(testDescription: "never told") { _, _ in },
        GuestLie(testDescription: "cut off") { try $0.request("exit-status", [0, 0], in: $1) },
        GuestLie(testDescription: "cut off before its number") { try $0.request("exit-status", [], in: $1) },
        GuestLie(testDescription: "of another channel") { try $0.request("exit-statuses", TrustedServer.number(0), in: $1) },
        GuestLie(testDescription: "a signal without a name") {
            try $0.request("exit-signal", TrustedServer.string("") + [0] + [0, 0, 0, 0, 0, 0, 0, 0], in: $1)
        },
        GuestLie(testDescription: "a signal that is cut off") { try $0.request("exit-signal", TrustedServer.number(4000) + Array("KILL".utf8), in: $1) },
    ]

    @Test("A command whose end was not told is lost, and no success", arguments: silences)
    func lost(silence: GuestLie) async {
        let failure = await failure { server, channel in
            try silence.behaviour(server, channel)
            try server.close(channel)
            try server.stayAlive()
        }
        #expect(failure?.code == .sshConnectionLost, "\(failure?.message ?? "")")
    }

    @Test("An interactive command whose end was not told is lost too")
    func lostInteractively() async throws {
        let (reading, writing) = try FileDescriptor.pipe()
        defer { for end in [reading, writing] { try? end.close() } }
        let failure = await #expect(throws: Failure.self) {
            _ = try await with({ server, channel in
                try server.close(channel)
                try server.stayAlive()
            }) { try await $0.interactive(command: "true", terminal: nil, input: reading, output: writing, error: writing) }
        }
        #expect(failure?.code == .sshConnectionLost)
    }

    @Test("A length that no memory holds ends the connection", arguments: [UInt32.max - 1, UInt32.max, 1 << 31])
    func memory(length: UInt32) async {
        let failure = await failure { server, channel in
            try server.request("exit-signal", TrustedServer.number(length) + Array("KILL".utf8), in: channel)
            try server.close(channel)
            try server.stayAlive()
        }
        #expect(failure.map { [.sshProtocol, .sshConnectionLost].contains($0.code) } == true, "\(failure?.message ?? "")")
    }

    @Test("Output, ignored packets and new channels without end are ended by the command's time")
    func floods() async {
        let floods: [GuestBehaviour] = [
            { server, channel in while true { try server.send([UInt8](repeating: 65, count: 64), in: channel) } },
            { server, _ in while true { try server.send([2] + TrustedServer.string("ignored")) } },
            { server, _ in while true { try server.send([90] + TrustedServer.string("x11") + [UInt8](repeating: 1, count: 12)) } },
            { server, _ in while true { try server.send([80] + TrustedServer.string("question") + [1]) } },
        ]
        for flood in floods {
            let failure = await failure(timeout: .seconds(1), flood)
            #expect(failure?.code == .sshTimedOut, "\(failure?.message ?? "")")
        }
    }

    // MARK: SFTP

    /// Agrees on the version and opens a file.
    private static func openFile(_ server: TrustedServer, _ channel: UInt32) throws {
        _ = try server.receiveRequest()
        try server.answer([2] + TrustedServer.number(3), in: channel)
        let open = try server.receiveRequest()
        try server.answer([102] + open[1..<5] + TrustedServer.string("handle"), in: channel)
    }

    @Test("A server that keeps the connection alive and answers no request has its time for one request", arguments: [0, 1, 2])
    func unanswered(answers: Int) async throws {
        let failure = await #expect(throws: Failure.self) {
            _ = try await with(
                answerLimit: .seconds(1),
                { server, channel in
                    if answers > 1 {
                        try Self.openFile(server, channel)
                    } else if answers > 0 {
                        _ = try server.receiveRequest()
                        try server.answer([2] + TrustedServer.number(3), in: channel)
                    }
                    try server.stayAlive()
                }
            ) { try await $0.download("/etc/hostname", limit: 100) }
        }
        #expect(failure?.code == .sshTimedOut, "\(failure?.message ?? "")")
    }

    @Test("What is whole is read")
    func download() async throws {
        let text = try await with({ server, channel in
            try Self.openFile(server, channel)
            var isSent = false
            while true {
                let request = try server.receiveRequest()
                if request[0] == 5, !isSent {
                    isSent = true
                    try server.answer([103] + request[1..<5] + TrustedServer.string("hello"), in: channel)
                } else {
                    // The end of the file, and that it was closed.
                    try server.answer([101] + request[1..<5] + TrustedServer.number(request[0] == 5 ? 1 : 0) + [0, 0, 0, 0, 0, 0, 0, 0], in: channel)
                }
            }
        }) { try await $0.download("/etc/hostname", limit: 100) }
        #expect(text == Array("hello".utf8))
    }

    static let lies: [GuestLie] = [
        GuestLie(testDescription: "a packet of 4 GiB") { server, channel in
            _ = try server.receiveRequest()
            try server.answer([103, 0, 0, 0, 0], length: .max, in: channel)
        },
        GuestLie(testDescription: "a handle of 4 GiB") { server, channel in
            _ = try server.receiveRequest()
            try server.answer([2] + TrustedServer.number(3), in: channel)
            let open = try server.receiveRequest()
            try server.answer([102] + open[1..<5] + TrustedServer.number(.max) + [1], in: channel)
        },
        GuestLie(testDescription: "more data than the packet has") { server, channel in
            try openFile(server, channel)
            let read = try server.receiveRequest()
            try server.answer([103] + read[1..<5] + TrustedServer.number(1 << 30) + [1, 2, 3], in: channel)
        },
        GuestLie(testDescription: "more data than was asked for") { server, channel in
            try openFile(server, channel)
            while true {
                let read = try server.receiveRequest()
                try server.answer([103] + read[1..<5] + TrustedServer.string([UInt8](repeating: 65, count: 100_000)), in: channel)
            }
        },
        GuestLie(testDescription: "a file without an end") { server, channel in
            try openFile(server, channel)
            while true {
                let read = try server.receiveRequest()
                try server.answer([103] + read[1..<5] + TrustedServer.string("more"), in: channel)
            }
        },
    ]

    @Test("SFTP that lies about lengths is refused within its time", arguments: lies)
    func lyingAboutLengths(lie: GuestLie) async throws {
        let failure = await #expect(throws: Failure.self) {
            _ = try await with(
                answerLimit: .seconds(2),
                { server, channel in
                    try lie.behaviour(server, channel)
                    try server.stayAlive()
                }
            ) { try await $0.download("/etc/hostname", limit: 100) }
        }
        let codes: [Failure.Code] = [.sshFileTransfer, .sshProtocol, .sshTimedOut, .sshConnectionLost]
        #expect(failure.map { codes.contains($0.code) } == true, "\(failure?.message ?? "")")
    }
}

@Suite("The memory of an SSH session")
struct SSHMemoryTests {
    @Test("There is a limit, and what is given back can be had again")
    func limit() throws {
        let memory = SSHMemory()
        let most = SSHMemory.limit / 4
        var parts = (0..<3).compactMap { _ in memory.allocate(most) }
        #expect(parts.count == 3)
        #expect(!memory.isExhausted)
        #expect(memory.allocate(SSHMemory.limit / 2) == nil)
        #expect(memory.isExhausted)
        memory.release(parts.removeLast())
        let again = try #require(memory.allocate(most))
        #expect(memory.change(again, to: SSHMemory.limit) == nil)
        let smaller = try #require(memory.change(again, to: 16))
        for part in parts + [smaller] { memory.release(part) }
        memory.release(nil)
        let whole = try #require(memory.allocate(SSHMemory.limit - (1 << 20)))
        memory.release(whole)
    }

    @Test("Lengths that are none are refused", arguments: [Int.max, Int.max - 8, -1, Int.min])
    func lengths(count: Int) {
        let memory = SSHMemory()
        #expect(memory.allocate(count) == nil)
        let some = memory.allocate(8)
        #expect(memory.change(some, to: count) == nil)
        memory.release(some)
    }
}

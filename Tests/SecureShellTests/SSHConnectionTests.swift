import ApplianceModel
import Basics
import HostSystem
import SecureShell
import SystemPackage
import TestSupport
import Testing

@Suite("Commands over SSH, with a real sshd", .enabled(if: SSHServer.isAvailable, "needs sshd and ssh-keygen"))
struct SSHConnectionTests {
    @Test("A command's two streams and its status come back")
    func streamsAndStatus() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let result = try await connection.run("printf out; printf err >&2; exit 7", input: [], timeout: .seconds(30))
            #expect(result == ShellResult(status: 7, standardOutput: Array("out".utf8), standardError: Array("err".utf8)))
            await connection.close()
        }
    }

    @Test("A failed command is a failure that shows the end of its errors, and never its input")
    func failedCommand() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let failure = await #expect(throws: Failure.self) {
                try await connection.check("cat > /dev/null; echo 'no such thing' >&2; exit 3", input: Array("geheim".utf8))
            }
            #expect(failure?.code == .sshCommandFailed)
            #expect(failure?.message.contains("no such thing") == true)
            #expect(failure?.message.contains("status 3") == true)
            #expect(failure?.message.contains("geheim") == false)
            #expect(try await connection.check("true").status == 0)
            await connection.close()
        }
    }

    @Test("The other end tells from which address it is asked")
    func clientAddress() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            #expect(try await connection.clientAddress() == IPv4Address(127, 0, 0, 1))
            await connection.close()
        }
    }

    @Test("The signal that ended a command is told", arguments: [("TERM", 143), ("KILL", 137), ("SEGV", 139)])
    func signals(name: String, status: Int32) async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let result = try await connection.run("kill -s \(name) $$", input: [], timeout: .seconds(30))
            #expect(result.signal == name)
            #expect(result.status == status)
            await connection.close()
        }
    }

    @Test("Quoted values reach the command unchanged, whatever is in them")
    func quoting() async throws {
        let chosen = [
            "", " ", "it's", #"a"b'c\d"#, "$HOME `id` $(id)", "a\nb\n", "ü 🐘 e\u{301}", "*?[a]{b,c}~!#", "-n", "--", #"\'"#, "'; exit 9 #",
            "\t\u{1}\u{7f}", "\r\n", "%s%n", "''", "\\", "&& false",
        ]
        let syntax = Array("'\"\\$`;&|<>(){}[]*?!#~ \n\t\r%=ab\u{1b}é🐘")
        let random = (0..<300).map { _ in String((0..<Int.random(in: 1...24)).map { _ in syntax[Int.random(in: 0..<syntax.count)] }) }
        try await SSHServer.run { server in
            let connection = try await server.open()
            for value in chosen {
                let result = try await connection.run("printf '%s|' \(value)", input: [], timeout: .seconds(30))
                #expect(result == ShellResult(status: 0, standardOutput: Array("\(value)|".utf8)))
            }
            let result = try await connection.run("printf '%s\\0' \(list: random)", input: [], timeout: .seconds(30))
            #expect(result == ShellResult(status: 0, standardOutput: random.flatMap { Array($0.utf8) + [0] }))
            await connection.close()
        }
    }

    @Test("A NUL byte in a command is refused before anything is sent, and the connection stays")
    func nulByte() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let failure = await #expect(throws: Failure.self) {
                try await connection.run("printf %s \("a\0b")", input: [], timeout: .seconds(30))
            }
            #expect(failure?.code == .invalidInput)
            #expect(try await connection.check("printf still").outputText == "still")
            await connection.close()
        }
    }

    @Test("Much output on both streams and much input at once do not stop one another")
    func bigStreams() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let input = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            // Each stream fills its window while the other waits; the input comes back as well.
            let command: ShellCommand = """
                head -c 3000000 /dev/zero | tr '\\0' e >&2
                head -c 3000000 /dev/zero | tr '\\0' o
                head -c 2500000 /dev/zero | tr '\\0' f >&2
                cat
                """
            let result = try await connection.run(command, input: input, timeout: .seconds(120))
            #expect(result.status == 0)
            #expect(result.standardError.count == 5_500_000)
            #expect(result.standardOutput.prefix(3_000_000).allSatisfy { $0 == UInt8(ascii: "o") })
            #expect(result.standardOutput.dropFirst(3_000_000).elementsEqual(input))
            await connection.close()
        }
    }

    @Test("A command that reads none of its input ends all the same")
    func unreadInput() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let result = try await connection.run("exit 4", input: [UInt8](repeating: 65, count: 4 << 20), timeout: .seconds(60))
            #expect(result.status == 4)
            #expect(try await connection.check("echo on").outputText == "on\n")
            await connection.close()
        }
    }

    @Test("The status of a command that closes its output early is waited for")
    func earlyEnd() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let path = server.scratch.appending("in")
            let result = try await connection.run("exec >&- 2>&-; cat > \(path); sleep 0.3; exit 5", input: Array("late".utf8), timeout: .seconds(60))
            #expect(result.status == 5)
            #expect(try Files.readText(path) == "late")
            await connection.close()
        }
    }

    @Test("Commands that are given at once all get their own answers")
    func concurrency() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for number in 0..<12 {
                    group.addTask { (number, try await connection.check("sleep 0.02; printf %s \(number)").outputText) }
                }
                for try await (number, answer) in group { #expect(answer == "\(number)") }
            }
            await connection.close()
        }
    }

    @Test("A command that takes too long is its own kind of failure, and ends the connection")
    func timeout() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let failure = await #expect(throws: Failure.self) {
                try await connection.run(endless, input: [], timeout: .milliseconds(400))
            }
            #expect(failure?.code == .sshTimedOut)
            let next = await #expect(throws: Failure.self) { try await connection.check("true") }
            #expect(next?.code == .sshConnectionLost)
        }
    }

    @Test("Silence does not keep a command from its timeout")
    func silentTimeout() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let failure = await #expect(throws: Failure.self) {
                try await connection.run("sleep 2", input: [], timeout: .milliseconds(200))
            }
            #expect(failure?.code == .sshTimedOut)
        }
    }

    @Test("Cancelling ends the wait with a cancellation, not with an error of the connection")
    func cancellation() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let marker = server.scratch.appending("started")
            let task = Task { try await connection.run("touch \(marker); while printf x; do sleep 0.05; done", input: [], timeout: .seconds(600)) }
            _ = try await poll(every: .milliseconds(600), until: .now.advanced(by: .seconds(30)), on: ContinuousClock()) {
                Files.exists(marker) ? true : nil
            }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test("A task that is cancelled before its turn leaves the running command alone")
    func cancelledInTheQueue() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let marker = server.scratch.appending("started")
            async let first = connection.check("touch \(marker); sleep 0.5; echo done")
            _ = try await poll(every: .milliseconds(600), until: .now.advanced(by: .seconds(30)), on: ContinuousClock()) {
                Files.exists(marker) ? true : nil
            }
            let second = Task { try await connection.check("true") }
            second.cancel()
            #expect(try await first.outputText == "done\n")
            await #expect(throws: CancellationError.self) { try await second.value }
            await connection.close()
        }
    }

    @Test("A server that dies under a command is a lost connection")
    func lostConnection() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let failure = await #expect(throws: Failure.self) {
                try await connection.run("kill -KILL $PPID; while printf x; do sleep 0.05; done", input: [], timeout: .seconds(60))
            }
            #expect(failure?.code == .sshConnectionLost)
        }
    }

    @Test("A command that writes without end is stopped")
    func endlessOutput() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let failure = await #expect(throws: Failure.self) { try await connection.run("yes", input: [], timeout: .seconds(60)) }
            #expect(failure?.code == .sshCommandFailed)
        }
    }

    @Test("A closed connection says so")
    func closed() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            await connection.close()
            await connection.close()
            let failure = await #expect(throws: Failure.self) { try await connection.check("true") }
            #expect(failure?.code == .sshConnectionLost)
        }
    }

    /// Writes until nobody reads: it ends with the connection.
    private var endless: ShellCommand { "while printf x; do sleep 0.05; done" }
}

import ApplianceModel
import Basics
import HostSystem
import SecureShell
import SystemPackage
import TestSupport
import Testing

@Suite("Host keys")
struct HostKeyTests {
    @Test("A key reads back from its own line, with any comment", .enabled(if: SSHServer.isAvailable, "needs ssh-keygen"))
    func roundTrip() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-key")
        defer { try? Files.remove(directory) }
        let path = directory.appending("key")
        let key = try #require(HostKey(openSSH: try await SSHServer.makeKey(at: path).publicKey))
        #expect(HostKey(openSSH: "\(key.openSSHLine) a comment\n") == key)
        let listing = try await ProgramRunner.check("ssh-keygen", ["-l", "-f", "\(path).pub"])
        #expect(listing.outputText.split(separator: " ")[1] == key.fingerprint)
    }

    @Test(
        "Anything but one ed25519 key is refused",
        arguments: [
            "", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 !!!!", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ",
            "AAAAC3NzaC1lZDI1NTE5AAAAIAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQ==",
        ])
    func refused(line: String) { #expect(HostKey(openSSH: line) == nil) }
}

@Suite("The pinned key and the user's, with a real sshd", .enabled(if: SSHServer.isAvailable, "needs sshd and ssh-keygen"))
struct PinnedKeyTests {
    private func verbose(_ change: (inout SSHServer.Options) -> Void = { _ in }) -> SSHServer.Options {
        var options = SSHServer.Options()
        options.logLevel = "DEBUG1"
        change(&options)
        return options
    }

    /// What sshd logs, at this level, of the first request in a user's name.
    private let logInRequest = "userauth-request for user"

    @Test("A right key is followed by a log-in, which the server's log shows")
    func rightKey() async throws {
        try await SSHServer.run(verbose()) { server in
            let connection = try await server.open()
            await connection.close()
            #expect(server.logText.contains(logInRequest))
        }
    }

    @Test("Of two pinned keys either is taken, as while a key is changed")
    func twoKeys() async throws {
        try await SSHServer.run { server in
            let other = try await SSHServer.makeKey(at: server.scratch.appending("other")).publicKey
            let keys = [try #require(HostKey(openSSH: other)), server.hostKey]
            let connection = try await server.open(hostKeys: keys)
            #expect(try await connection.check("echo in").outputText == "in\n")
            await connection.close()
        }
    }

    @Test("Another key than the pinned one is refused before any log-in is tried")
    func wrongKey() async throws {
        try await SSHServer.run(verbose()) { server in
            let other = try #require(HostKey(openSSH: try await SSHServer.makeKey(at: server.scratch.appending("other")).publicKey))
            var almost = server.hostKey.blob
            almost[50] ^= 1
            for pinned in [[other], [try #require(HostKey(blob: almost))], []] {
                let failure = await #expect(throws: Failure.self) { _ = try await server.open(hostKeys: pinned) }
                #expect(failure?.code == .sshHostKeyMismatch)
                #expect(failure?.message.contains(server.hostKey.fingerprint) == true)
                #expect(failure?.message.contains(pinned.first?.fingerprint ?? "none") == true)
            }
            #expect(server.logText.contains("Connection from 127.0.0.1"))
            #expect(server.logText.contains("rekey in after"), "the key exchange is over, so a log-in would have been possible")
            #expect(!server.logText.contains(logInRequest))
        }
    }

    @Test("A server without an ed25519 key is refused", arguments: ["rsa", "ecdsa"])
    func otherTypes(type: String) async throws {
        try await SSHServer.run(verbose { $0.hostKeyTypes = [type] }) { server in
            let failure = await #expect(throws: Failure.self) { _ = try await server.open() }
            #expect(failure?.code == .sshHandshakeFailed)
            #expect(!server.logText.contains(logInRequest))
        }
    }

    @Test("Of several host keys the pinned ed25519 one is asked for")
    func severalTypes() async throws {
        var options = SSHServer.Options()
        options.hostKeyTypes = ["rsa", "ecdsa", "ed25519"]
        try await SSHServer.run(options) { server in
            let connection = try await server.open()
            #expect(try await connection.check("echo in").outputText == "in\n")
            await connection.close()
        }
    }

    @Test(
        "A server of old or truncatable algorithms is refused",
        arguments: [
            "KexAlgorithms diffie-hellman-group14-sha1", "Ciphers 3des-cbc", "Ciphers chacha20-poly1305@openssh.com", "MACs hmac-sha1",
            "MACs hmac-sha2-256-etm@openssh.com",
        ])
    func oldAlgorithms(line: String) async throws {
        try await SSHServer.run(verbose { $0.configuration = [line] }) { server in
            let failure = await #expect(throws: Failure.self) { _ = try await server.open() }
            #expect(failure?.code == .sshHandshakeFailed)
            #expect(!server.logText.contains(logInRequest))
        }
    }

    @Test("A user key that the server does not know is refused as such")
    func wrongUserKey() async throws {
        try await SSHServer.run { server in
            let other = try await SSHServer.makeKey(at: server.scratch.appending("other"))
            let failure = await #expect(throws: Failure.self) {
                _ = try await server.open(privateKey: other.privateKey, publicKey: other.publicKey)
            }
            #expect(failure?.code == .sshAuthenticationRefused)
        }
    }

    @Test("A private key that cannot be read, or is not the public one's, lets nobody in and is not shown")
    func brokenUserKey() async throws {
        try await SSHServer.run { server in
            let other = try await SSHServer.makeKey(at: server.scratch.appending("other"))
            for key in [Secret("no key at all"), Secret(""), other.privateKey] {
                let failure = await #expect(throws: Failure.self) { _ = try await server.open(privateKey: key) }
                #expect(failure?.code == .sshAuthenticationRefused)
                #expect("\(String(describing: failure))".contains("no key at all") == false)
            }
        }
    }

    @Test("A key exchange in the middle of a command goes unnoticed")
    func rekey() async throws {
        var options = SSHServer.Options()
        options.configuration = ["RekeyLimit 256K"]
        try await SSHServer.run(options) { server in
            let connection = try await server.open()
            let input = [UInt8](repeating: 66, count: 2 << 20)
            let result = try await connection.run("cat; head -c 1000000 /dev/zero >&2", input: input, timeout: .seconds(60))
            #expect(result.standardOutput == input)
            #expect(result.standardError.count == 1_000_000)
            await connection.close()
        }
    }
}

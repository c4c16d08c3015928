import ApplianceModel
import Basics
import HostSystem
import SecureShell
import SystemPackage
import TestSupport
import Testing

/// What a server does that is not the pinned one, and the failures that are right answers to it.
struct Hostility: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var codes: [Failure.Code]
    var timeout = Duration.seconds(300)
    let behaviour: @Sendable (HostileServer.Client) -> Void

    static let all = [
        Hostility(testDescription: "closes at once", codes: [.sshConnectionLost]) { _ in },
        Hostility(testDescription: "says nothing", codes: [.sshTimedOut], timeout: .milliseconds(400)) { client in
            while client.receive(waiting: 1000) {}
        },
        Hostility(testDescription: "speaks HTTP", codes: [.sshConnectionLost, .sshHandshakeFailed]) { client in
            _ = client.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        },
        Hostility(testDescription: "sends lines before its banner without end", codes: [.sshHandshakeFailed]) { client in
            while client.send(String(repeating: "welcome to this machine\r\n", count: 100)) {}
        },
        Hostility(testDescription: "sends one line without end", codes: [.sshHandshakeFailed, .sshConnectionLost]) { client in
            while client.send(String(repeating: "A", count: 4096)) {}
        },
        Hostility(testDescription: "sends its banner byte by byte, slowly", codes: [.sshTimedOut], timeout: .milliseconds(600)) { client in
            while client.send("x"), client.receive(waiting: 20) {}
        },
        Hostility(testDescription: "sends garbage for packets", codes: [.sshHandshakeFailed]) { client in
            _ = client.send("SSH-2.0-OpenSSH_9.9\r\n")
            while client.send((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 197 &+ 131) }) {}
        },
        Hostility(testDescription: "sends SSH_MSG_IGNORE without end", codes: [.sshHandshakeFailed]) { client in
            _ = client.send("SSH-2.0-OpenSSH_9.9\r\n")
            while client.sendPacket([2, 0, 0, 4, 0] + [UInt8](repeating: 65, count: 1024)) {}
        },
        Hostility(testDescription: "announces a packet of 4 GiB", codes: [.sshHandshakeFailed]) { client in
            _ = client.send("SSH-2.0-OpenSSH_9.9\r\n")
            _ = client.send([255, 255, 255, 255, 4, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            while client.receive(waiting: 1000) {}
        },
        Hostility(testDescription: "closes in the middle of the key exchange", codes: [.sshConnectionLost]) { client in
            _ = client.send("SSH-2.0-OpenSSH_9.9\r\n")
            _ = client.sendPacket(kexInit(keyExchange: "curve25519-sha256", hostKey: "ssh-ed25519", cipher: "aes128-ctr", mac: "hmac-sha2-256"))
        },
        Hostility(testDescription: "says that the user is in before keys were exchanged", codes: [.sshHandshakeFailed, .sshTimedOut], timeout: .seconds(1)) {
            client in
            _ = client.send("SSH-2.0-OpenSSH_9.9\r\n")
            _ = client.sendPacket([52])
            while client.receive(waiting: 1000) {}
        },
        Hostility(testDescription: "answers the key exchange with a made-up signature", codes: [.sshHandshakeFailed], timeout: .seconds(100)) { client in
            _ = client.send("SSH-2.0-OpenSSH_9.9\r\n")
            _ = client.sendPacket(kexInit(keyExchange: "curve25519-sha256", hostKey: "ssh-ed25519", cipher: "aes128-ctr", mac: "hmac-sha2-256"))
            let key: [UInt8] = [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 32] + [UInt8](repeating: 9, count: 32)
            let signature: [UInt8] = [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 64] + [UInt8](repeating: 3, count: 64)
            let point: [UInt8] = [0, 0, 0, 32] + [UInt8](repeating: 9, count: 32)
            _ = client.sendPacket([31, 0, 0, 0, 51] + key + point + [0, 0, 0, 83] + signature)
            _ = client.sendPacket([21])
            while client.receive(waiting: 1000) {}
        },
    ]

    /// Offers of which each differs from what is taken in one thing.
    static let offers = [
        ("diffie-hellman-group14-sha1", "ssh-ed25519", "aes128-ctr", "hmac-sha2-256"),
        ("curve25519-sha256", "ssh-rsa", "aes128-ctr", "hmac-sha2-256"), ("curve25519-sha256", "rsa-sha2-512", "aes128-ctr", "hmac-sha2-256"),
        ("curve25519-sha256", "ecdsa-sha2-nistp256", "aes128-ctr", "hmac-sha2-256"), ("curve25519-sha256", "ssh-ed25519", "3des-cbc", "hmac-sha2-256"),
        ("curve25519-sha256", "ssh-ed25519", "none", "hmac-sha2-256"), ("curve25519-sha256", "ssh-ed25519", "aes128-cbc", "hmac-sha2-256"),
        ("curve25519-sha256", "ssh-ed25519", "chacha20-poly1305@openssh.com", "hmac-sha2-256"), ("curve25519-sha256", "ssh-ed25519", "aes128-ctr", "hmac-md5"),
        ("curve25519-sha256", "ssh-ed25519", "aes128-ctr", "hmac-sha1"), ("curve25519-sha256", "ssh-ed25519", "aes128-ctr", "none"),
    ].map { (keyExchange, hostKey, cipher, mac) in
        Hostility(testDescription: "offers only \(keyExchange), \(hostKey), \(cipher), \(mac)", codes: [.sshHandshakeFailed], timeout: .seconds(100)) {
            client in
            _ = client.send("SSH-2.0-OpenSSH_9.9\r\n")
            _ = client.sendPacket(kexInit(keyExchange: keyExchange, hostKey: hostKey, cipher: cipher, mac: mac))
            while client.receive(waiting: 1000) {}
        }
    }
}

@Suite("Servers that are not the pinned one")
struct HostileServerTests {
    private static let userName = "user-that-must-not-be-named"

    @Test("A server is refused without a word of the user to it when it", arguments: Hostility.all + Hostility.offers)
    func refused(hostility: Hostility) async throws {
        let server = try HostileServer(hostility.behaviour)
        let key = try #require(HostKey(blob: [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 32] + [UInt8](repeating: 9, count: 32)))
        let socket = try await Sockets.connect(to: Endpoint(host: "127.0.0.1", port: server.port), timeout: .seconds(100))
        let failure = await #expect(throws: Failure.self) {
            _ = try await SSHConnection.open(
                socket: socket, hostKeys: [key], user: Self.userName, privateKey: Secret("none"), publicKey: key.openSSHLine,
                timeout: hostility.timeout)
        }
        await server.stop()
        let code = try #require(failure?.code)
        #expect(hostility.codes.contains(code), "\(failure?.message ?? "") \(failure?.cause.map { "\($0)" } ?? "")")
        // No keys were agreed on, so whatever the client sent can be read here.
        #expect(!String(decoding: server.received, as: UTF8.self).contains(Self.userName))
        #expect(!String(decoding: server.received, as: UTF8.self).contains("ssh-userauth"))
    }

    @Test("Waiting for a silent server can be cancelled")
    func cancelled() async throws {
        let server = try HostileServer { client in while client.receive(waiting: 1000) {} }
        let socket = try await Sockets.connect(to: Endpoint(host: "127.0.0.1", port: server.port), timeout: .seconds(100))
        let task = Task {
            try await SSHConnection.open(
                socket: socket, hostKeys: [], user: "user", privateKey: Secret("none"), publicKey: "", timeout: .seconds(600))
        }
        _ = try await poll(every: .milliseconds(20), until: .now.advanced(by: .seconds(100)), on: ContinuousClock()) {
            server.received.isEmpty ? nil : true
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        await server.stop()
    }
}

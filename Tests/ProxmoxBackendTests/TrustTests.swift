import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

@Suite("Who the server is, and who we are", .server)
struct TrustTests {
    private func check(_ server: PVEServer, token: String = PVEServer.token, _ trust: ProxmoxConnection.Trust) async throws -> Failure? {
        let rig = try Rig(server, token: token, trust: trust)
        return await failure { _ = try await rig.backend.checkHost(rig.spec) }
    }

    @Test("A certificate of the named authority, or with the pinned fingerprint, is taken; every other is refused before the token is sent")
    func trust() async throws {
        try await PVEServer.with { server in
            #expect(try await check(server, .authority(server.authority)) == nil)
            #expect(try await check(server, .fingerprint(server.fingerprint)) == nil)
            #expect(try await check(server, .fingerprint(server.fingerprint.lowercased())) == nil)
            let taken = server.requests.withLock { $0.count }
            let unknown = try await check(server, .system)
            #expect(unknown?.code == .proxmoxCertificate && unknown?.remedy?.contains("pve-root-ca.pem") == true)
            let wrong = try await check(server, .fingerprint(String(repeating: "AB:", count: 31) + "AB"))
            #expect(wrong?.code == .proxmoxFingerprint && wrong?.message.contains(server.fingerprint) == true)
            #expect(try await check(server, .fingerprint("AB:CD"))?.code == .proxmoxFingerprint)
            #expect(try await check(server, .authority("/nowhere.pem"))?.code == .proxmoxCertificate)
            #expect(server.requests.withLock { $0.count } == taken)
        }
    }

    @Test("Another server with a certificate of its own is refused, also after the first look")
    func replaced() async throws {
        try await PVEServer.with { first in
            let pin = ServerPin()
            let address = try ServerAddress(url: first.url)
            let key = try await pin.publicKey(fingerprint: first.fingerprint, authority: address)
            try await PVEServer.with(hasOwnKey: true) { second in
                // The key of the one is demanded of the other.
                let token = try PVEToken(PVEServer.token, source: "the test")
                let connection = ProxmoxConnection(url: second.url, trust: .fingerprint(first.fingerprint))
                let client = PVEClient(connection: connection, token: token, pin: pin, timing: Rig.timing)
                #expect(key.hasPrefix("sha256//"))
                #expect(await failure { _ = try await client.data(.version) }?.code == .proxmoxFingerprint)
                #expect(second.requests.withLock { $0.isEmpty })
            }
        }
    }

    @Test("An expired certificate and one for another name say so")
    func unfit() async throws {
        try await PVEServer.with(validity: 0) { server in
            let error = try await check(server, .authority(server.authority))
            #expect(error?.code == .proxmoxCertificate && error?.message.contains("expired") == true && error?.remedy?.contains("updatecerts") == true)
        }
        // Whoever pins a certificate does not pin it for ever.
        for (validity, says) in [(0, "expired"), (-1, "only from 2090-01-01T00:00:00Z on")] {
            try await PVEServer.with(validity: validity) { server in
                let error = try await check(server, .fingerprint(server.fingerprint))
                #expect(error?.code == .proxmoxCertificate && error?.message.contains(says) == true, "\(error?.message ?? "nothing")")
                #expect(error?.remedy?.contains("updatecerts") == true)
                #expect(server.requests.withLock { $0.isEmpty })
            }
        }
        try await PVEServer.with(name: "DNS:elsewhere.example") { server in
            let error = try await check(server, .authority(server.authority))
            #expect(error?.code == .proxmoxCertificate && error?.remedy?.contains("name or an address") == true)
        }
    }

    @Test("Beside the named authority none of the system's vouches for the server", .enabled("only root mounts") { HostEnvironment.isRoot })
    func soleAuthority() async throws {
        try await PVEServer.with { server in
            try await PVEServer.with(hasOwnKey: true) { other in
                let script = #"""
                    mount -t tmpfs none /etc/ssl/certs
                    cp "$1" /etc/ssl/certs/system.pem
                    openssl rehash /etc/ssl/certs
                    exec curl --disable --config -
                    """#
                func ask(_ trust: ProxmoxConnection.Trust) async throws -> ProgramResult {
                    let client = PVEClient(
                        connection: ProxmoxConnection(url: server.url, trust: trust), token: try PVEToken(PVEServer.token, source: "the test"),
                        timing: Rig.timing)
                    let configuration = try client.configuration(of: .version, at: ServerAddress(url: server.url), publicKey: nil)
                    return try await ProgramRunner.run(
                        "unshare", ["--mount", "sh", "-euc", script, "sh", server.authority.string], input: Array(configuration.text.utf8))
                }
                let right = try await ask(.authority(server.authority))
                let wrong = try await ask(.authority(other.authority))
                #expect(right.status == 0 && wrong.status == 60, "\(right.errorText)\(wrong.errorText)")
            }
        }
    }

    @Test("A wrong token is refused with the empty answer of the server, and its text is nowhere")
    func wrongToken() async throws {
        var model = PVEModel()
        model.refusalDelay = .milliseconds(300)
        try await PVEServer.with(model) { server in
            let secret = "11111111-2222-3333-4444-555555555555"
            let log = Mutex<[String]>([])
            let error = try await DebugLog.$current.withValue(DebugLog(echo: { _, line in log.withLock { $0.append(line) } })) {
                try await check(server, token: "deploy@pve!ci=\(secret)", .authority(server.authority))
            }
            #expect(error?.code == .proxmoxToken && error?.message.contains("Authentication failed!") == true)
            #expect(error?.remedy?.contains("pveum user token") == true)
            let lines = log.withLock { $0 }
            #expect(lines.contains { $0.contains("curl --disable --config -") } && lines.contains { $0.contains("GET /version -> 401") })
            for text in lines + [error?.message ?? "", error?.remedy ?? ""] { #expect(!text.contains(secret)) }
        }
    }

    @Test("A server that is not there, one that is no Proxmox VE, and an address that is none")
    func elsewhere() async throws {
        func code(_ url: String) async -> Failure.Code? {
            let backend = ProxmoxBackend(
                connection: ProxmoxConnection(url: url), environment: { $0 == PVEToken.variable ? "127.0.0.1:1 \(PVEServer.token)" : nil },
                timing: Rig.timing)
            return await failure { _ = try await backend.checkHost(Rig.spec()) }?.code
        }
        #expect(await code("https://127.0.0.1:1") == .proxmoxUnreachable)
        for url in ["http://127.0.0.1:8006", "127.0.0.1", "https://pve1:99999", "https://pve1/api2/json", "https://a b", "https://user@pve1"] {
            #expect(await code(url) == .proxmoxNotProxmox, "\(url)")
        }
        var model = PVEModel()
        model.faults = [PVEModel.Fault("GET", "/version", .answer(status: 200, reason: "OK", body: "<html>hello</html>"))]
        try await Rig.run(model) { rig in
            #expect(await failure { _ = try await rig.backend.checkHost(rig.spec) }?.code == .proxmoxNotProxmox)
        }
    }
}

import ApplianceModel
import HostSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// What somebody else's spec file makes the program do before anything is deployed.
@Suite("A stranger's spec")
struct StrangersSpecTests {
    private static let token = "root@pam!ops=0b2c4a46-bbd3-95ac-1734-a424d049c368"

    private func write(_ home: PGKVMHome, _ machine: String) throws -> String {
        let file = home.path.appending("spec.yaml")
        let network = machine.contains("proxmox") ? "mode: bridge\n  device: vmbr0" : "mode: nat\n  device: default"
        try Files.write(
            """
            formatVersion: 1
            name: orders
            machine:
            \(machine)
            network:
              \(network)

            """, to: file)
        return file.string
    }

    @Test(
        "'plan --offline' connects to nobody, whatever the platform and however the server proves who it is",
        arguments: [
            "  backend: proxmox\n  proxmox:\n    url: https://127.0.0.1:PORT\n    storage: local",
            "  backend: proxmox\n  proxmox:\n    url: https://127.0.0.1:PORT\n    storage: local\n    fingerprint: \"FINGERPRINT\"",
            "  backend: proxmox\n  proxmox:\n    url: https://localhost:PORT\n    storage: local\n    node: pve1\n    ha: true",
            "  backend: libvirt\n  libvirt:\n    uri: qemu+ssh://root@127.0.0.1:PORT/system",
        ])
    func offline(machine: String) async throws {
        try await PGKVMHome.with { home in
            try await ConnectionRecorder.with { server in
                let fingerprint = String(repeating: "AB:", count: 31) + "AB"
                let file = try write(home, machine.replacing("PORT", with: "\(server.port)").replacing("FINGERPRINT", with: fingerprint))
                let tokens = ["127.0.0.1", "localhost"].map { "\($0):\(server.port) \(Self.token)" }.joined(separator: "\n")
                let result = try await home.run("plan", file, "--offline", environment: ["PGKVM_PROXMOX_TOKEN": tokens])
                #expect(result.status == 0, "\(result.errorText)")
                #expect(result.outputText.contains("was not asked"))
                #expect(try !server.hasConnection())
                // The same without it does connect: the server would have shown it.
                if machine.contains("proxmox") {
                    async let asked = home.run("plan", file, environment: ["PGKVM_PROXMOX_TOKEN": tokens])
                    #expect(try await !server.receive().isEmpty)
                    _ = try await asked
                }
            }
        }
    }

    @Test(
        "No token of another server is sent, by 'plan', 'deploy' or 'proxmox check', and no token without a server",
        .enabled("needs socat, openssl and curl") { PVEServer.isAvailable })
    func token() async throws {
        try await PGKVMHome.with { home in
            try await PVEServer.with { server in
                let machine = "  backend: proxmox\n  proxmox:\n    url: \(server.url)\n    storage: local\n    caFile: \(server.authority)"
                let file = try write(home, machine)
                for token in [Self.token, "pve1.example.org \(Self.token)"] {
                    for command in [["plan", file], ["deploy", file], ["proxmox", "check", file]] {
                        let result = try await home.run(command, environment: ["PGKVM_PROXMOX_TOKEN": token])
                        let said = result.outputText + result.errorText
                        #expect(said.contains("'127.0.0.1:"), "\(command): \(said)")
                        #expect(!said.contains("0b2c4a46"))
                    }
                }
                #expect(server.requests.withLock { $0.isEmpty })
                let right = try await home.run("plan", file, environment: ["PGKVM_PROXMOX_TOKEN": server.tokenLine])
                #expect(right.status == 0, "\(right.errorText)")
                #expect(server.requests.withLock { !$0.isEmpty })
            }
        }
    }
}

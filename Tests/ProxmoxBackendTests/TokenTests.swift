import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

@Suite("Which token goes to which server")
struct TokenTests {
    private let pve1 = "https://pve1.example.org:8006"

    private func find(_ url: String, file: FilePath? = nil, _ variables: [String: String] = [:]) throws -> PVEToken {
        try PVEToken.find(for: ServerAddress(url: url), file: file, environment: { variables[$0] })
    }

    private func withFile(_ text: String, mode: FilePermissions = .ownerReadWrite, _ body: (FilePath) async throws -> Void) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm token's")
        defer { try? Files.remove(directory) }
        let file = directory.appending(PVEToken.credential)
        try Files.write(text, to: file, mode: mode)
        try await body(file)
    }

    @Test(
        "A token is found for the server that its line names, however the line writes it",
        arguments: [
            "pve1.example.org", "PVE1.example.org:8006", "https://pve1.example.org:8006", "https://pve1.example.org/", "HTTPS://Pve1.Example.org",
        ])
    func spelled(host: String) throws {
        let text = "# of the office\n\nelsewhere root@pam!xy=00000000-0000-0000-0000-000000000000\r\n  \(host)\t\(PVEServer.token)  \n"
        #expect(try find(pve1, [PVEToken.variable: text]).identifier == "deploy@pve!ci")
    }

    @Test(
        "A token for one server is refused to every other, and the message has no secret",
        arguments: [
            "https://evil.example:8006", "https://pve1.example.org:8007", "https://pve1.example.org.evil.example", "https://127.0.0.1:8006",
            "https://example.org",
            "https://xpve1.example.org",
        ])
    func otherServer(url: String) throws {
        let error = #expect(throws: Failure.self) { try find(url, [PVEToken.variable: "pve1.example.org \(PVEServer.token)"]) }
        #expect(error?.code == .proxmoxTokenHost)
        #expect(error?.message.contains("'pve1.example.org:8006'") == true)
        #expect("\(error?.message ?? "")\(error?.remedy ?? "")".contains("0b2c4a46") == false)
    }

    @Test("The second source is asked where the first has no token for the server; a file that the spec names stands alone")
    func sources() async throws {
        try await withFile("pve1.example.org \(PVEServer.token)\n") { file in
            let credentials = ["CREDENTIALS_DIRECTORY": file.removingLastComponent().string]
            let alone = try find(pve1, credentials)
            #expect(alone.user == "deploy@pve")
            let other = "pve2.example.org root@pam!xy=00000000-0000-0000-0000-000000000000"
            #expect(try find(pve1, credentials.merging([PVEToken.variable: other]) { own, _ in own }).user == "deploy@pve")
            #expect(try find("https://pve2.example.org", credentials.merging([PVEToken.variable: other]) { own, _ in own }).user == "root@pam")
            #expect(throws: Failure.self) { try find("https://pve2.example.org", file: file, [PVEToken.variable: other]) }
        }
        let none = #expect(throws: Failure.self) { try find(pve1) }
        #expect(none?.code == .proxmoxToken)
        #expect(throws: Failure.self) { try find(pve1, file: "/nowhere") }
    }

    @Test("A file with a token of a former release is refused, and the printed command makes it one of this release, once or twice")
    func formerFile() async throws {
        for text in [PVEServer.token, "\n  \(PVEServer.token)\n", "# mine\n\(PVEServer.token)\npve2.example.org \(PVEServer.token)\n"] {
            try await withFile(text) { file in
                let error = #expect(throws: Failure.self) { try find(pve1, file: file) }
                #expect(error?.code == .proxmoxTokenHost)
                let command = try #require(error?.remedy?.firstRange(of: "sed ").map { String(error?.remedy?[$0.lowerBound...] ?? "") })
                for _ in 1...2 { _ = try await ProgramRunner.check("sh", ["-c", command]) }
                #expect(try find(pve1, file: file).identifier == "deploy@pve!ci")
                #expect(Files.status(file)?.permissions == 0o600)
                #expect(throws: Failure.self) { try find("https://evil.example", file: file) }
                #expect(try Files.readText(file).contains("# mine") == text.contains("# mine"))
            }
        }
    }

    @Test("A variable of a former release is refused, and the printed command makes it one of this release")
    func formerVariable() async throws {
        let error = #expect(throws: Failure.self) { try find(pve1, [PVEToken.variable: PVEServer.token]) }
        #expect(error?.code == .proxmoxTokenHost)
        let command = try #require(error?.remedy?.firstRange(of: "export ").map { String(error?.remedy?[$0.lowerBound...] ?? "") })
        let result = try await ProgramRunner.run(
            "sh", ["-c", "PGKVM_T=\"$1\"; \(command.replacing(PVEToken.variable, with: "PGKVM_T")); printf %s \"$PGKVM_T\"", "sh", PVEServer.token])
        #expect(try find(pve1, [PVEToken.variable: result.outputText]).identifier == "deploy@pve!ci")
    }

    @Test("A file that others can read is refused, and a credential that others than its group can read")
    func modes() async throws {
        let line = "pve1.example.org \(PVEServer.token)"
        for mode in [FilePermissions([.ownerReadWrite, .groupRead]), FilePermissions([.ownerReadWrite, .otherRead])] {
            try await withFile(line, mode: mode) { file in
                let error = #expect(throws: Failure.self) { try find(pve1, file: file) }
                #expect(error?.code == .proxmoxToken && error?.remedy?.contains("chmod 0600") == true)
            }
        }
        // As systemd gives a credential to a service with a user of its own.
        try await withFile(line, mode: [.ownerRead, .groupRead]) { file in
            let token = try find(pve1, ["CREDENTIALS_DIRECTORY": file.removingLastComponent().string])
            #expect(token.user == "deploy@pve")
        }
        try await withFile(line, mode: [.ownerRead, .otherRead]) { file in
            #expect(throws: Failure.self) { try find(pve1, ["CREDENTIALS_DIRECTORY": file.removingLastComponent().string]) }
        }
    }

    @Test(
        "What is no token is refused, and the message never has its text",
        arguments: [
            "", "root@pam!ci", "PVEAPIToken=deploy@pve!ci=0b2c4a46-bbd3-95ac-1734-a424d049c368", "deploy!ci=0b2c4a46-bbd3-95ac-1734-a424d049c368",
            "deploy@pve!ci=0b2c4a46-bbd3-95ac-1734-a424d049c368\nX: y z", "deploy@pve!ci=123",
        ])
    func noToken(text: String) throws {
        let token = #expect(throws: Failure.self) { try PVEToken(text, source: "the test") }
        #expect(token?.code == .proxmoxToken)
        #expect(token?.message.contains("0b2c4a46") == false)
        guard !text.isEmpty else { return }
        let line = #expect(throws: Failure.self) { try find(pve1, [PVEToken.variable: "pve1.example.org \(text)"]) }
        #expect(line?.code == .proxmoxToken)
        #expect("\(line?.message ?? "")\(line?.remedy ?? "")".contains("0b2c4a46") == false)
        #expect(!"\(try PVEToken(PVEServer.token, source: "the test"))".contains("0b2c4a46"))
    }

    @Test("A stranger's spec gets no secret out of a plan, by whatever way the server proves who it is", .server)
    func stranger() async throws {
        try await PVEServer.with { server in
            let tokens = [
                "pve1.example.org \(PVEServer.token)", PVEServer.token, "localhost:\(server.tokenLine.split(separator: ":")[1])",
                "127.0.0.1 \(PVEServer.token)",
            ]
            for token in tokens {
                for trust in [ProxmoxConnection.Trust.authority(server.authority), .fingerprint(server.fingerprint), .system] {
                    let backend = ProxmoxBackend(
                        connection: ProxmoxConnection(url: server.url, trust: trust), environment: { $0 == PVEToken.variable ? token : nil }, timing: Rig.timing
                    )
                    let forecast = try await backend.forecast(Rig.spec())
                    #expect(forecast.findings.contains { $0.level == .fail })
                    #expect(await failure { _ = try await backend.checkHost(Rig.spec()) }?.code == .proxmoxTokenHost)
                    let check = await ProxmoxCheck(connection: backend.connection, environment: backend.environment, timing: Rig.timing).run()
                    #expect(!check.allPassed)
                }
            }
            #expect(server.requests.withLock { $0.isEmpty })
        }
    }

    @Test("A proxy is not shown the token", .server)
    func proxy() async throws {
        try await ConnectionRecorder.with { proxy in
            let client = PVEClient(
                connection: ProxmoxConnection(url: pve1), token: try PVEToken(PVEServer.token, source: "the test"), timing: Rig.timing)
            let configuration = try client.configuration(of: .version, at: ServerAddress(url: pve1), publicKey: nil)
            async let result = ProgramRunner.run(
                "curl", ["--disable", "--config", "-"], input: Array(configuration.text.utf8),
                environment: ["https_proxy": "http://127.0.0.1:\(proxy.port)", "no_proxy": ""])
            let head = try await proxy.receive()
            #expect(try await result.status != 0)
            #expect(head.hasPrefix("CONNECT pve1.example.org:8006"))
            #expect(!head.contains("0b2c4a46"))
        }
    }

    @Test("An offline plan does not connect to the server, not even to look at its certificate")
    func offline() async throws {
        try await ConnectionRecorder.with { server in
            let url = "https://127.0.0.1:\(server.port)"
            for trust in [ProxmoxConnection.Trust.system, .fingerprint(String(repeating: "AB:", count: 31) + "AB")] {
                let asking = ProxmoxBackend(
                    connection: ProxmoxConnection(url: url, trust: trust, storage: "local"),
                    environment: { $0 == PVEToken.variable ? "\(url) \(PVEServer.token)" : nil }, timing: Rig.timing)
                let forecast = try await asking.offline.forecast(Rig.spec())
                #expect(forecast.findings.map(\.level) == [.skip])
                let deployment = DeploymentID("0123456789abcdef0123456789abcdef")
                #expect(await failure { _ = try await asking.offline.find(deployment, name: Rig.spec().name) }?.code == .proxmoxNotAsked)
                #expect(await failure { _ = try await asking.offline.checkHost(Rig.spec()) }?.code == .proxmoxNotAsked)
            }
            #expect(try !server.hasConnection())
        }
    }
}

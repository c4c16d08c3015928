import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// The program against the strict server, which behaves as Proxmox VE's API was recorded; it is no Proxmox VE.
@Suite("The program and a Proxmox VE server", .enabled("needs socat, openssl and curl") { PVEServer.isAvailable })
struct ProxmoxTests {
    @Test("A deployment that fails after the machine was made, and is to be reverted, leaves nothing on the server")
    func reverted() async throws {
        var model = PVEModel()
        model.machines[100] = PVEModel.Machine(node: "pve1", config: ["name": "payroll", "tags": "prod"], state: "running")
        model.faults = [PVEModel.Fault("POST", "status/start", .failTask("start failed: QEMU exited with code 1"))]
        try await PVEServer.with(model) { server in
            try await PGKVMHome.with { home in
                let file = try ProxmoxSpec.write("orders", url: server.url, server, in: home)
                let strangers = server.model.withLock { $0.strangers }
                let result = try await home.run("deploy", file.string, "--on-error", "revert")
                #expect(result.status == 1)
                #expect(result.errorText.contains("error[proxmox.task-failed]"), "\(result.errorText)")
                #expect(result.errorText.contains("QEMU exited with code 1"), "\(result.errorText)")
                #expect(server.model.withLock { $0.machines.keys.sorted() } == [100])
                #expect(server.model.withLock { $0.strangers } == strangers)
                #expect(server.model.withLock { $0.files.keys.filter { $0.contains("iso/") } } == [])
                #expect(!Files.exists(home.appliance("orders")))
                try home.expectNoToken()
            }
        }
    }

    @Test("The plan shows each call and the lines that do the same, and changes nothing; the check tells what the server has")
    func planned() async throws {
        try await PVEServer.with { server in
            try await PGKVMHome.with { home in
                let file = try ProxmoxSpec.write("orders", url: server.url, server, in: home)
                let plan = try await home.check("plan", file.string, "--brief")
                for part in ["POST /nodes/pve1/qemu\n", "virtio1=local:1,format=raw", "by hand: qm create", "by hand: pvesh create", "it can be deployed"] {
                    #expect(plan.contains(part), "\(part) is not in\n\(plan)")
                }
                #expect(server.requests.withLock { $0.allSatisfy { $0.method == "GET" } })
                let check = try await home.check("proxmox", "check", file.string)
                for part in ["proxmox.version", "Proxmox VE 9.2", "pve1/local", "vmbr0"] { #expect(check.contains(part), "\(part) is not in\n\(check)") }
                let wrong = try await home.run("proxmox", "check", "--url", server.url, "--token-file", ProxmoxSpec.token(home).string)
                #expect(wrong.status == 2)
                #expect(wrong.outputText.contains("certificate"), "\(wrong.outputText)")
            }
        }
    }
}

extension GuestTests {
    @Suite("A guest behind the API of Proxmox VE", .enabled("only root makes network namespaces") { HostEnvironment.isRoot })
    struct ProxmoxGuestTests {
        @Test("A deployment that is killed with -9 in every step ends in one verified machine, and a delete leaves nothing", .fullRun)
        func killedInEveryStep() async throws {
            try await NetworkNamespace.with { network in
                try await EmulatedNode.with(on: network) { node in
                    var model = PVEModel()
                    model.machines[100] = PVEModel.Machine(node: "pve1", config: ["name": "payroll", "tags": "prod"], state: "running")
                    try await PVEServer.with(model, hooks: node.hooks) { server in
                        try node.relay(server)
                        let outside = try Guests.shared().home
                        let guest = Guest(home: outside.inside(network), name: "papa")
                        try await outside.check("image", "build", "debian-13")
                        let file = try ProxmoxSpec.write(guest.name, url: "https://127.0.0.1:8006", server, in: outside)
                        try await guest.removedOnFailure { try await disturb(guest, file, server, node) }
                        try await guest.expectGone()
                    }
                }
            }
        }

        private func disturb(_ guest: Guest, _ file: FilePath, _ server: PVEServer, _ node: EmulatedNode) async throws {
            let strangers = server.model.withLock { $0.strangers }
            for (index, step) in Disturbance.steps.enumerated() {
                try await Stage.run("papa: killed in \(step)") {
                    let before = Files.status(guest.journal)?.size.bytes ?? 0
                    let deployment = try guest.home.start("deploy", file.string)
                    defer { deployment.send(9) }
                    // A step that the guest was given ahead may be done as it is come to.
                    let came = try await deployment.waiting {
                        try Disturbance.began(step, guest, after: before) || deployment.output.contains("[\(index + 1)/\(Disturbance.steps.count)] ")
                            ? true : nil
                    }
                    try #require(came == true, "it never came to \(step):\n\(deployment.output)")
                    deployment.send(9)
                    #expect(try await deployment.end() == 128 + 9)
                    #expect(server.model.withLock { $0.machines.count } <= 2)
                    #expect(node.running <= 1)
                }
            }
            let said = try await Stage.run("deploy papa to its end") { try await guest.home.check("deploy", file.string) }
            #expect(said.contains("'papa' is deployed and verified: PostgreSQL 17"), "\(said)")
            #expect(try await guest.status().postgresql == Endpoint(host: ProxmoxSpec.address, port: 5432))
            try await guest.verify().expectPassed(but: ["disk.allocation"])
            #expect(server.model.withLock { $0.machines.count } == 2)
            #expect(server.model.withLock { $0.files.keys.filter { $0.contains("iso/") } } == [])

            try await underHA(guest, file, server, node)

            try await guest.home.check("delete", guest.name, "--confirm", guest.name)
            #expect(node.running == 0)
            #expect(server.model.withLock { $0.machines.keys.sorted() } == [100])
            #expect(server.model.withLock { $0.strangers } == strangers)
            try guest.home.expectNoToken()
        }

        /// Put under HA as its disks are replicated, stopped and started so, verified, and taken out again.
        private func underHA(_ guest: Guest, _ file: FilePath, _ server: PVEServer, _ node: EmulatedNode) async throws {
            let without = try Files.readText(file)
            try Files.write(without.replacing("    storage: local\n", with: "    storage: local\n    ha: true\n"), to: file)
            let refused = try await guest.home.run("deploy", file.string)
            #expect(
                refused.status == 1 && refused.errorText.contains("error[machine.availability]")
                    && refused.errorText.contains("no replication job copies it; nothing was changed"), "\(refused.errorText)")
            server.model.withLock { $0.replication[101] = [PVEModel.ReplicationJob(target: "pve2")] }
            let registered = try await guest.home.run("deploy", file.string)
            #expect(registered.status == 0 && registered.errorText.contains("without the commits since the last copy"), "\(registered.errorText)")
            #expect(server.model.withLock { $0.ha } == ["vm:101": "started"])
            try await guest.home.check("stop", guest.name)
            #expect(node.running == 0 && server.model.withLock { $0.ha } == ["vm:101": "stopped"])
            try await guest.home.check("start", guest.name)
            let report = try await guest.verify()
            report.expectPassed(but: ["disk.allocation"])
            #expect(report.contains { $0.check == "host.availability" && $0.level == .warn })
            try Files.write(without, to: file)
            try await guest.home.check("deploy", file.string)
            #expect(node.running == 1 && server.model.withLock { $0.ha.isEmpty })
        }
    }
}

/// The spec of an appliance on a server of the tests.
private enum ProxmoxSpec {
    /// The guest's own, on the network of `NetworkNamespace`.
    static let address = "10.77.0.30"

    static func token(_ home: PGKVMHome) -> FilePath { home.path.appending(".token") }

    static func write(_ name: String, url: String, _ server: PVEServer, in home: PGKVMHome) throws -> FilePath {
        try Files.write("\(url) \(PVEServer.token)\n", to: token(home))
        let machine = """
            accelerator: tcg
              backend: proxmox
              proxmox:
                url: \(url)
                tokenFile: \(token(home))
                caFile: \(server.authority)
                storage: local
            """
        return try SharedSpec.write(
            name: name, machine: machine, network: "mode: bridge\n  device: vmbr0\n  address: \(address)/24\n  gateway: \(NetworkNamespace.address)", in: home)
    }
}

extension PGKVMHome {
    /// Expects that the secret of the token is in no file but its own.
    fileprivate func expectNoToken() throws {
        let secret = try #require(PVEServer.token.split(separator: "=").last.map { Array($0.utf8) })
        for file in try Files.list(path) where file != ".token" {
            for path in try Self.files(below: path.appending(file)) {
                #expect(try Files.read(path).firstRange(of: secret) == nil, "\(path)")
            }
        }
    }

    private static func files(below path: FilePath) throws -> [FilePath] {
        guard Files.isDirectory(path) else { return Files.status(path, followLinks: false)?.isRegularFile == true ? [path] : [] }
        return try Files.list(path).flatMap { try files(below: path.appending($0)) }
    }
}

import ApplianceModel
import MachineBackend
import Synchronization
import TestSupport
import Testing

@testable import ProxmoxBackend

@Suite("A cluster of Proxmox VE", .server)
struct ClusterTests {
    private static func cluster() -> PVEModel {
        var model = PVEModel()
        model.nodes = [:]
        for (name, used, load) in [("pve1", 24, 0.2), ("pve2", 4, 0.1), ("pve3", 4, 0.9)] {
            var node = PVEModel.Node()
            node.usedMemory = .gibibytes(Int64(used))
            node.load = load
            model.nodes[name] = node
        }
        return model
    }

    @Test("The node with the most left of what it has least of is chosen, and why is said")
    func auto() async throws {
        try await Rig.run(Self.cluster()) { rig in
            let report = try await rig.backend.checkHost(rig.spec)
            let finding = try #require(report.findings.first { $0.check == "proxmox.node" })
            #expect(finding.measured.hasPrefix("pve2: 28672 of 32768 MiB memory free, 90 % of 8 processors idle, 184320 MiB free on 'local'"))
            let machine = try await rig.backend.create(rig.machineSpec)
            #expect(rig.ours[100]?.node == "pve2")
            try await rig.backend.delete(machine)
        }
    }

    @Test("A node that cannot take the machine is passed over, with the reason")
    func passedOver() async throws {
        var model = Self.cluster()
        model.nodes["pve2"]?.bridges = []
        model.nodes["pve3"]?.isOnline = false
        try await Rig.run(model) { rig in
            let finding = try #require(try await rig.backend.checkHost(rig.spec).findings.first { $0.check == "proxmox.node" })
            #expect(finding.measured.hasPrefix("pve1: ") && finding.measured.contains("not 'pve2'") && finding.measured.contains("no bridge 'vmbr0'"))
            rig.change { $0.nodes["pve1"]?.bridges = [] }
            let error = await failure { _ = try await rig.backend.checkHost(rig.spec) }
            #expect(error?.code == .proxmoxNoBridge && error?.message.contains("pve1:") == true && error?.message.contains("pve2:") == true)
        }
    }

    @Test("A token that sees no figures still gets a node")
    func blind() async throws {
        var model = Self.cluster()
        model.privileges = ["/vms": ["VM.Audit"], "/storage": ["Datastore.Audit"], "/sdn": ["SDN.Use"]]
        try await Rig.run(model) { rig in
            let report = try await rig.backend.checkHost(rig.spec)
            #expect(report.findings.first { $0.check == "proxmox.node" }?.measured.hasPrefix("pve1: free memory not told") == true)
            #expect(report.findings.first { $0.check == "proxmox.memory" }?.level == .skip)
        }
    }

    @Test("The check lists nodes, stores and bridges, and has the line for each right that is missing")
    func check() async throws {
        let environment: @Sendable (String) -> String? = { $0 == PVEToken.variable ? PVEServer.token : nil }
        try await Rig.run(Self.cluster()) { rig in
            let findings = await ProxmoxCheck(connection: rig.connection, bridge: "vmbr0", environment: environment, timing: Rig.timing).run()
            #expect(findings.allPassed && findings.allSatisfy { $0.level == .pass }, "\(findings.filter { $0.level != .pass })")
            #expect(
                Set(findings.map(\.check)) == ["proxmox.version", "proxmox.nodes", "proxmox.storage", "proxmox.stores", "proxmox.bridges", "proxmox.rights"])
            rig.change {
                $0.privileges = [
                    "/vms": ["VM.Allocate", "VM.Audit"], "/storage/local": ["Datastore.Audit", "Datastore.AllocateSpace", "Datastore.AllocateTemplate"],
                    "/sdn/zones/localnetwork": ["SDN.Use"],
                ]
                $0.release = "8.2"
                $0.stores["local"]?.content.remove("import")
            }
            let poor = await ProxmoxCheck(connection: rig.connection, bridge: "vmbr0", environment: environment, timing: Rig.timing).run()
            let rights = poor.filter { $0.check == "proxmox.rights" }
            let machines = try #require(rights.first { $0.measured.hasPrefix("/vms") })
            #expect(machines.level == .fail && machines.measured.contains("VM.PowerMgmt") && machines.measured.contains("VM.Monitor"))
            #expect(machines.remedy?.contains("pveum acl modify /vms --users 'deploy@pve' --tokens 'deploy@pve!ci' --roles ") == true)
            #expect(rights.first { $0.measured.hasPrefix("/storage/local") && $0.measured.contains("Datastore.Allocate") }?.level == .warn)
            #expect(poor.first { $0.check == "proxmox.version" }?.level == .fail)
            #expect(poor.contains { $0.check == "proxmox.stores" && $0.level == .fail && $0.remedy?.contains("pvesm set local") == true })
        }
        let nobody = await ProxmoxCheck(connection: ProxmoxConnection(url: "https://127.0.0.1:1"), environment: environment, timing: Rig.timing).run()
        #expect(nobody.map(\.check) == ["proxmox.server"] && nobody[0].level == .fail && nobody[0].remedy != nil)
    }

    @Test("The plan has the requests that a deployment makes, each with the line to type")
    func plan() async throws {
        try await Rig.run { rig in
            _ = try await rig.deploy()
            let made = rig.server.requests.withLock { $0.filter { ["POST", "PUT"].contains($0.method) }.map { "\($0.method) \($0.path)" } }
            let planned = try PVECallPlan.calls(
                for: rig.machineSpec,
                connection: ProxmoxConnection(url: rig.server.url, node: "pve1", storage: "local", imageStorage: "local", isoStorage: "local"))
            let changes = planned.filter { ["POST", "PUT"].contains($0.method) }.map { "\($0.method) \($0.path.replacing("<vmid>", with: "100"))" }
            // The seed's removal comes after the first boot.
            #expect(changes == made + ["PUT /nodes/pve1/qemu/100/config"])
            let creation = try #require(planned.first { $0.byHand[0].hasPrefix("qm create") })
            #expect(creation.byHand[0].contains("--virtio1 local:10,format=raw,iothread=1,cache=none,aio=native,discard=on,serial=pgdata"))
            #expect(creation.byHand[1].hasPrefix("pvesh create /nodes/pve1/qemu --vmid '<vmid>' --name orders"))
            #expect(planned.allSatisfy { call in !call.byHand.isEmpty && !call.parameters.contains { $0.contains("0b2c4a46") } })
        }
    }
}

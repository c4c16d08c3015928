import ApplianceModel
import Basics
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
            // Between two steps the figures change, and the decision does not.
            rig.change { $0.nodes["pve2"]?.usedMemory = .gibibytes(29) }
            let disk = try await rig.backend.decideDisks(rig.spec, at: report.place).0
            #expect(disk.place == MachinePlace(node: "pve2", storage: "local", imageStorage: "local", mediaStorage: "local"))
            let machine = try await rig.backend.create(rig.machineSpec(disk: disk))
            #expect(rig.ours[100]?.node == "pve2")
            try await rig.backend.delete(machine)
        }
    }

    @Test("A later run goes on with the place that a former one decided; where that cannot be it fails, and nothing is made elsewhere")
    func decided() async throws {
        try await Rig.run(Self.cluster()) { rig in
            let disk = try await rig.backend.decideDisks(rig.spec).0
            rig.change { $0.nodes["pve2"]?.usedMemory = .gibibytes(29) }
            let later = try Rig(rig.server)
            let report = try await later.backend.checkHost(rig.spec, at: disk.place)
            let finding = try #require(report.findings.first { $0.check == "proxmox.node" })
            #expect(report.place == disk.place)
            #expect(finding.measured == "pve2: chosen when the deployment began")
            rig.change { $0.nodes["pve2"]?.isOnline = false }
            let last = try Rig(rig.server)
            let error = await failure { _ = try await last.backend.create(last.machineSpec(disk: disk)) }
            #expect(error?.code == .proxmoxNode && error?.message.contains("'pve2' is offline; the node was chosen when the deployment began") == true)
            #expect(error?.remedy?.contains("pgkvm delete NAME") == true)
            #expect(rig.machines.isEmpty && rig.files.isEmpty)
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
        model.privileges = [
            "/vms": Set(ProxmoxCheck.needs(PVERelease(major: 9, minor: 2), pool: nil, bridge: nil, nodes: [], stores: [], ha: false)[0].permission.privileges),
            "/storage": ["Datastore.Audit", "Datastore.AllocateSpace", "Datastore.AllocateTemplate"], "/sdn": ["SDN.Use"],
        ]
        try await Rig.run(model) { rig in
            let report = try await rig.backend.checkHost(rig.spec)
            #expect(report.findings.first { $0.check == "proxmox.node" }?.measured.hasPrefix("pve1: free memory not told") == true)
            for check in ["proxmox.memory", "proxmox.processors"] { #expect(report.findings.first { $0.check == check }?.level == .skip) }
        }
    }

    @Test("A pool that is not seen, and a store on which an image may not fit beside the disks, are said before")
    func room() async throws {
        var model = PVEModel()
        model.stores["local"]?.used = .gibibytes(181)
        try await Rig.run(model, change: { $0.pool = "payroll" }) { rig in
            let findings = try await rig.backend.checkHost(rig.spec).findings
            #expect(findings.first { $0.check == "proxmox.pool" }?.level == .warn)
            #expect(findings.first { $0.check == "proxmox.storage" }?.level == .warn)
            rig.change {
                $0.pools = ["payroll"]
                $0.stores["local"]?.used = .gibibytes(20)
            }
            #expect(try await rig.backend.checkHost(rig.spec).findings.allSatisfy { $0.level == .pass || $0.check == "proxmox.accelerator" })
        }
    }

    @Test("Space is what the store says is free, not what is not used")
    func available() async throws {
        var model = Self.cluster()
        model.stores["local"]?.kept = .gibibytes(150)
        try await Rig.run(model) { rig in
            let finding = try #require(try await rig.backend.checkHost(rig.spec).findings.first { $0.check == "proxmox.node" })
            #expect(finding.measured.contains("30720 MiB free on 'local'"), "\(finding.measured)")
        }
    }

    @Test("A plan refuses what a deployment would refuse: each right, and the name of another state directory's machine")
    func planRefuses() async throws {
        let machine = ProxmoxCheck.needs(PVERelease(major: 9, minor: 2), pool: nil, bridge: nil, nodes: [], stores: [], ha: false)[0].permission.privileges
        let store = ["Datastore.Audit", "Datastore.AllocateSpace", "Datastore.AllocateTemplate"]
        func forecast(_ rig: Rig, without privilege: String) async throws -> [Finding] {
            rig.change {
                $0.privileges = [
                    "/vms": Set(machine).subtracting([privilege]), "/storage/local": Set(store).subtracting([privilege]),
                    "/sdn/zones/localnetwork": privilege == "SDN.Use" ? [] : ["SDN.Use"],
                ]
            }
            return try await rig.backend.forecast(rig.spec).findings.filter { $0.level == .fail }
        }
        try await Rig.run { rig in
            #expect(try await forecast(rig, without: "nothing").isEmpty)
            for privilege in machine + ["Datastore.AllocateSpace", "Datastore.AllocateTemplate", "SDN.Use"] {
                let refusals = try await forecast(rig, without: privilege)
                #expect(refusals.count == 1, "\(privilege): \(refusals)")
                #expect(refusals.first.map { $0.measured + ($0.remedy ?? "") }?.contains(privilege) == true, "\(privilege): \(refusals)")
            }
            rig.change { $0.privileges = nil }
            _ = try await rig.backend.create(rig.machineSpec)
            try await rig.backend.checkName(rig.spec.name, of: rig.deployment)
            for deployment in [nil, DeploymentID("f123456789abcdef0123456789abcdef")] {
                let error = await failure { try await rig.backend.checkName(rig.spec.name, of: deployment) }
                #expect(error?.code == .machineStranger)
                #expect(error?.message.contains("another state directory") == true)
            }
            rig.change { $0.machines[300] = stranger(name: "orders") }
            #expect(await failure { try await rig.backend.checkName(rig.spec.name, of: rig.deployment) }?.code == .machineStranger)
        }
    }

    @Test("A token that sees nothing needs one round: what the check prints makes it green")
    func oneRound() async throws {
        for named in [true, false] {
            var model = PVEModel()
            model.privileges = [:]
            try await Rig.run(model, change: { if named { $0.storage = "local" } }) { rig in
                let check: @Sendable () async -> [Finding] = {
                    await ProxmoxCheck(
                        connection: rig.connection, spec: rig.spec, bridge: "vmbr0",
                        environment: { $0 == PVEToken.variable ? rig.server.tokenLine : nil }, timing: Rig.timing
                    ).run()
                }
                let first = await check()
                #expect(!first.allPassed)
                var granted: [String: Set<String>] = [:]
                for line in first.filter({ $0.check == "proxmox.rights" }).compactMap(\.remedy) {
                    let grant = try #require(line.firstMatch(of: #/--privs '([^']+)'; pveum acl modify (\S+) /#))
                    granted[String(grant.2), default: []].formUnion(grant.1.split(separator: " ").map(String.init))
                }
                let rights = granted
                rig.change { $0.privileges = rights }
                let second = await check()
                #expect(second.allSatisfy { $0.level == .pass }, "\(second.filter { $0.level != .pass })")
            }
        }
    }

    @Test("The check lists nodes, stores and bridges, and has the line for each right that is missing")
    func check() async throws {
        try await Rig.run(Self.cluster()) { rig in
            let findings = await ProxmoxCheck(
                connection: rig.connection, bridge: "vmbr0", environment: { $0 == PVEToken.variable ? rig.server.tokenLine : nil }, timing: Rig.timing
            ).run()
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
            let poor = await ProxmoxCheck(
                connection: rig.connection, bridge: "vmbr0", environment: { $0 == PVEToken.variable ? rig.server.tokenLine : nil }, timing: Rig.timing
            ).run()
            let rights = poor.filter { $0.check == "proxmox.rights" }
            let machines = try #require(rights.first { $0.measured.hasPrefix("/vms") })
            #expect(machines.level == .fail && machines.measured.contains("VM.PowerMgmt") && machines.measured.contains("VM.Monitor"))
            #expect(machines.remedy?.contains("pveum acl modify /vms --users 'deploy@pve' --tokens 'deploy@pve!ci' --roles ") == true)
            #expect(rights.first { $0.measured.hasPrefix("/storage/local") && $0.measured.contains("Datastore.Allocate") }?.level == .warn)
            #expect(poor.first { $0.check == "proxmox.version" }?.level == .fail)
            #expect(poor.contains { $0.check == "proxmox.stores" && $0.level == .fail && $0.remedy?.contains("pvesm set local") == true })
        }
        try await Rig.run(Self.cluster()) { rig in
            let check: @Sendable (ApplianceSpec?, ProxmoxConnection) async -> [Finding] = {
                await ProxmoxCheck(
                    connection: $1, spec: $0, bridge: "vmbr0", environment: { $0 == PVEToken.variable ? rig.server.tokenLine : nil }, timing: Rig.timing
                ).run()
            }
            // A right for one bridge is enough, and one that ends at its path is not.
            let machine = ProxmoxCheck.needs(PVERelease(major: 9, minor: 2), pool: nil, bridge: nil, nodes: [], stores: [], ha: false)[0].permission.privileges
            rig.change {
                $0.privileges = [
                    "/": ["Sys.Audit"], "/vms": Set(machine), "/sdn/zones/localnetwork/vmbr0": ["SDN.Use"],
                    "/storage": ["Datastore.Audit", "Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate"],
                ]
            }
            #expect(await check(nil, rig.connection).allSatisfy { $0.level == .pass })
            rig.change { $0.notPropagated = ["/vms"] }
            let halted = await check(nil, rig.connection).filter { $0.level == .fail }
            #expect(halted.count == 1 && halted[0].measured.contains("granted without 'propagate'"), "\(halted)")
            rig.change { $0.privileges = nil }
            // What one node lacks another has.
            rig.change {
                $0.nodes["pve1"]?.bridges = []
                $0.nodes["pve1"]?.pendingBridges = ["vmbr0"]
                $0.faults = [PVEModel.Fault("GET", "/nodes/pve2/storage", .answer(status: 595, reason: "No route to host", body: ""))]
            }
            let some = await check(nil, rig.connection)
            #expect(some.allPassed && some.contains { $0.level == .warn && $0.measured.contains("vmbr0 (not active)") })
            #expect(some.contains { $0.level == .warn && $0.measured.contains("No route to host") } && some.contains { $0.check == "proxmox.rights" })
            var named = rig.connection
            named.node = "pve1"
            #expect(await check(nil, named).contains { $0.check == "proxmox.bridges" && $0.level == .fail })
            // What the spec asks for counts.
            var large = rig.spec
            large.machine.vcpus = 64
            #expect(await check(large, rig.connection).contains { $0.check == "proxmox.nodes" && $0.level == .fail })
            large = rig.spec
            large.dataDisk.size = .gibibytes(500)
            #expect(await check(large, rig.connection).contains { $0.check == "proxmox.stores" && $0.level == .fail })
            rig.change { $0.machines[300] = stranger(name: "orders", node: "pve2") }
            #expect(await check(rig.spec, rig.connection).contains { $0.check == "proxmox.name" && $0.level == .fail })
        }
        let nobody = await ProxmoxCheck(
            connection: ProxmoxConnection(url: "https://127.0.0.1:1"), environment: { $0 == PVEToken.variable ? "127.0.0.1:1 \(PVEServer.token)" : nil },
            timing: Rig.timing
        ).run()
        #expect(nobody.map(\.check) == ["proxmox.server"] && nobody[0].level == .fail && nobody[0].remedy != nil)
    }

    @Test("The plan has the requests that a deployment makes, each with the line to type")
    func plan() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            let made = rig.server.requests.withLock { $0.filter { ["POST", "PUT"].contains($0.method) }.map { "\($0.method) \($0.path)" } }
            let planned = try PVECallPlan.calls(
                for: PlannedMachine(spec: rig.machineSpec, hasSeed: true),
                connection: ProxmoxConnection(url: rig.server.url, node: "pve1", storage: "local", imageStorage: "local", isoStorage: "local"))
            let changes = planned.filter { ["POST", "PUT"].contains($0.method) }.map { "\($0.method) \($0.path.replacing("<vmid>", with: "100"))" }
            // The seed's removal comes after the first boot.
            try await rig.backend.detachSeed(from: machine)
            let all = rig.server.requests.withLock { $0.filter { ["POST", "PUT"].contains($0.method) }.map { "\($0.method) \($0.path)" } }
            #expect(changes == all)
            #expect(all.count == made.count + 2)
            let chosen = try await rig.backend.decideDisks(rig.spec).0
            var guarded = ProxmoxConnection(url: rig.server.url)
            guarded.ha = true
            let calls = try PVECallPlan.calls(for: PlannedMachine(spec: rig.machineSpec(disk: chosen), hasSeed: true), connection: guarded)
            #expect(calls.contains { $0.path == "/nodes/pve1/qemu" } && !calls.contains { ($0.path + $0.parameters.joined()).contains("<node>") })
            #expect(calls.contains { $0.parameters.contains("boot=order=virtio0") && $0.byHand[0] == "qm set '<vmid>' --boot order=virtio0" })
            #expect(calls.last?.parameters.contains("comment=PostgreSQL appliance orders, by pgkvm") == true)
            let creation = try #require(planned.first { $0.byHand[0].hasPrefix("qm create") })
            #expect(creation.byHand[0].contains("--virtio1 local:10,format=raw,iothread=1,cache=none,aio=native,discard=on,detect_zeroes=0,serial=pgdata"))
            #expect(creation.byHand[1].hasPrefix("pvesh create /nodes/pve1/qemu --vmid '<vmid>' --name orders"))
            #expect(planned.allSatisfy { call in !call.byHand.isEmpty && !call.parameters.contains { $0.contains("0b2c4a46") } })
        }
    }
}

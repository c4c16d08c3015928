import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

@Suite("Faults of Proxmox VE", .server)
struct FaultTests {
    @Test("Refuses or fails with what, why and a remedy; nothing half-made stays, and nothing foreign is touched", arguments: CreationFault.all)
    func creation(fault: CreationFault) async throws {
        var model = PVEModel()
        model.machines[300] = stranger()
        fault.arrange(&model)
        let strangers = model.strangers
        try await Rig.run(model, change: fault.connection) { rig in
            var spec = Rig.spec(bridge: fault.bridge)
            spec.machine.vcpus = fault.vcpus
            let before = await failure { _ = try await rig.backend.checkHost(spec) }
            if fault.isSeenBefore {
                #expect(before?.code == fault.code, "\(before?.message ?? "nothing")")
            } else {
                #expect(before == nil || fault.code == .proxmoxPermission)
            }
            var error = before
            if error == nil { error = await failure { _ = try await rig.backend.create(rig.machineSpec(vcpus: fault.vcpus, bridge: fault.bridge)) } }
            #expect(error?.code == fault.code, "\(error?.message ?? "nothing")")
            for text in fault.says { #expect(error?.message.contains(text) == true, "\(error?.message ?? "nothing")") }
            #expect(error?.remedy?.contains(fault.helps) == true, "\(error?.remedy ?? "nothing")")
            #expect(rig.ours.isEmpty && rig.machines.values.allSatisfy { $0.config["lock"] == nil })
            #expect(rig.server.model.withLock { $0.strangers } == strangers)
            #expect(rig.machines.values.allSatisfy { $0.state == "running" })
        }
    }

    @Test("What was refused or cut works at the second try")
    func again() async throws {
        for fault in CreationFault.all where ["cut", "fills", "damaged", "grow", "goes away"].contains(where: fault.name.contains) {
            var model = PVEModel()
            fault.arrange(&model)
            try await Rig.run(model) { rig in
                #expect(await failure { _ = try await rig.backend.create(rig.machineSpec) }?.code == fault.code, "\(fault.name)")
                _ = try await rig.backend.create(rig.machineSpec)
                #expect(rig.ours.count == 1 && rig.machines.count == 1)
            }
        }
    }

    @Test("A start that the server refuses tells the end of the log, and the machine stays for whoever looks")
    func startRefused() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            rig.change { $0.nodes["pve1"]?.hasKVM = false }
            let error = await failure { try await rig.backend.start(machine) }
            #expect(error?.code == .proxmoxTaskFailed)
            #expect(error?.message.contains("KVM virtualisation configured, but not available") == true)
            #expect(try await rig.backend.powerState(of: machine) == .off)
        }
    }

    @Test("A task that never ends is given up, with the line that shows and the one that ends it")
    func endless() async throws {
        var model = PVEModel()
        model.faults = [PVEModel.Fault("POST", "/qemu", .endlessTask)]
        try await PVEServer.with(model) { server in
            var timing = Rig.timing
            timing.copySilence = .seconds(20)
            let connection = ProxmoxConnection(url: server.url, trust: .authority(server.authority))
            let rig = try Rig(server)
            let backend = ProxmoxBackend(
                connection: connection, environment: { $0 == PVEToken.variable ? server.tokenLine : nil }, timing: timing)
            let error = await failure { _ = try await backend.create(rig.machineSpec) }
            #expect(error?.code == .proxmoxTaskEndless)
            #expect(error?.message.contains("says nothing new") == true)
            #expect(error?.remedy?.contains("pvenode task log 'UPID:pve1:") == true)
            // The work was ended, so that it leaves nothing either.
            #expect(server.model.withLock { $0.machines.isEmpty })
            // Or it leaves its number, which only root can take away.
            server.model.withLock {
                $0.faults = [PVEModel.Fault("POST", "/qemu", .endlessTask)]
                $0.endedCreationsStay = true
            }
            let left = await failure { _ = try await backend.create(rig.machineSpec) }
            #expect(left?.code == .proxmoxTaskEndless && left?.message.contains("VM 100 is left of it") == true, "\(left?.message ?? "nothing")")
            #expect(left?.remedy?.contains("qm destroy 100 --purge 1") == true)
            #expect(server.model.withLock { $0.taskOrder.last.flatMap($0.exit(of:)) } == "received interrupt")
        }
    }

    @Test("A start and a deletion that never end are given up and not ended: they may still come through")
    func endlessOthers() async throws {
        try await PVEServer.with { server in
            var timing = Rig.timing
            timing.task = .milliseconds(100)
            let rig = try Rig(server)
            let backend = ProxmoxBackend(
                connection: rig.connection, environment: { $0 == PVEToken.variable ? rig.server.tokenLine : nil }, timing: timing)
            let machine = try await rig.backend.create(rig.machineSpec)
            for (fault, body) in [
                (PVEModel.Fault("POST", "status/start", .endlessTask), { try await backend.start(machine) }),
                (PVEModel.Fault("DELETE", "/qemu/100", .endlessTask), { try await backend.delete(machine) }),
            ] {
                rig.change { $0.faults = [fault] }
                let error = await failure(body)
                #expect(error?.code == .proxmoxTaskEndless && error?.remedy?.contains("pvesh delete '/nodes/pve1/tasks/UPID:") == true)
                #expect(rig.server.model.withLock { $0.taskOrder.last.flatMap($0.exit(of:)) } == nil)
            }
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty)
        }
    }

    @Test("Work that ends with warnings has succeeded, and the warnings are told")
    func warnings() async throws {
        var model = PVEModel()
        model.faults = [PVEModel.Fault("POST", "status/start", .warnTask("Interface 'tap100i0' not attached to any bridge."))]
        try await PVEServer.with(model) { server in
            let told = Mutex<[String]>([])
            let rig = try Rig(server, report: { line in told.withLock { $0.append(line) } })
            let machine = try await rig.deploy()
            #expect(try await rig.backend.powerState(of: machine) == .running)
            #expect(told.withLock { $0.contains { $0.hasSuffix("WARN: Interface 'tap100i0' not attached to any bridge.") } })
        }
    }

    @Test("Work that the same token does for others is neither waited for nor ended; what may be ours is waited for and not ended")
    func othersWork() async throws {
        try await PVEServer.with { server in
            var timing = Rig.timing
            timing.copySilence = .seconds(20)
            let rig = try Rig(server)
            let backend = ProxmoxBackend(
                connection: rig.connection, environment: { $0 == PVEToken.variable ? rig.server.tokenLine : nil }, timing: timing)
            let foreign = server.model.withLock { $0.beginCreation(100, of: "local:import/debian-12.qcow2") }
            let machine = try await backend.create(rig.machineSpec)
            #expect(machine.identifier == "101")
            try await backend.delete(machine)
            let similar = server.model.withLock { $0.beginCreation(102, of: "local:import/pgkvm-ab.qcow2") }
            let error = await failure { _ = try await backend.create(rig.machineSpec) }
            #expect(error?.code == .proxmoxTaskEndless && error?.message.contains("the creation of VM 102") == true)
            for task in [foreign, similar] { #expect(server.model.withLock { $0.exit(of: task) } == nil) }
        }
    }

    @Test("A machine that moves between the list and the question about it is found at the second look")
    func movesMeanwhile() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            let moved = PVEModel.Fault(
                "GET", "/qemu/100/config",
                .answer(status: 500, reason: "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist", body: ""))
            rig.change { $0.faults = [moved] }
            #expect(try await rig.backend.powerState(of: machine) == .off)
            rig.change { $0.faults = [moved] }
            #expect(try await rig.backend.find(rig.deployment, name: rig.spec.name) == machine)
        }
    }

    @Test("Another processor that the node has not is refused while the machine runs")
    func resizing() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            let error = await failure {
                try await rig.backend.checkProcessor(CPUDecision(accelerator: .kvm, vcpus: 9, memory: .gibibytes(2)), of: machine)
            }
            #expect(error?.code == .proxmoxNoRoom && error?.message.contains("8 processors") == true)
            let memory = await failure {
                try await rig.backend.checkProcessor(CPUDecision(accelerator: .kvm, vcpus: 2, memory: .gibibytes(32)), of: machine)
            }
            #expect(memory?.code == .proxmoxNoRoom && memory?.message.contains("machine.memory") == true)
            try await rig.backend.checkProcessor(CPUDecision(accelerator: .kvm, vcpus: 8, memory: .gibibytes(3)), of: machine)
        }
    }

    @Test("A machine that runs is running, whatever holds its configuration")
    func lockedAndRunning() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            rig.change { $0.machines[100]?.config["lock"] = "backup" }
            try await rig.backend.start(machine)
            #expect(try await rig.backend.powerState(of: machine) == .running)
        }
    }

    @Test("What may not be deleted is refused before the guest is stopped; a medium of somebody's is no reason")
    func protected() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            // Whoever takes that line away keeps the protection for themselves.
            rig.change {
                let notes = $0.machines[100]?.config["description"]?.split(separator: "\n").filter { !$0.hasPrefix("pgkvm-protection:") }
                $0.machines[100]?.config["description"] = notes?.joined(separator: "\n")
            }
            for (key, value) in [("protection", "1"), ("lock", "backup")] {
                rig.change { $0.machines[100]?.config[key] = value }
                let error = await failure { try await rig.backend.delete(machine) }
                #expect(error?.code == .proxmoxLocked && error?.remedy?.contains("qm ") == true, "\(key)")
                #expect(rig.machines[100]?.state == "running" && rig.seeds.count == 1)
                rig.change { $0.machines[100]?.config[key] = nil }
            }
            rig.change { $0.machines[100]?.config["scsi1"] = "local:iso/debian.iso,media=cdrom" }
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty && rig.seeds.isEmpty)
        }
    }

    @Test("What an earlier machine of the same number left on a store stays there")
    func unreferenced() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            rig.change { $0.files["nas:100/vm-100-disk-7.raw"] = PVEModel.File(path: "/nowhere", size: 4096) }
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty && rig.files.contains("nas:100/vm-100-disk-7.raw"))
        }
    }

    @Test("A seed on a store that is not active is named")
    func inactiveSeed() async throws {
        var model = PVEModel()
        model.stores["nas"] = PVEModel.Store(kind: "nfs", content: ["iso"])
        try await PVEServer.with(model) { server in
            let told = Mutex<[String]>([])
            let rig = try Rig(server, change: { $0.isoStorage = "nas" }, report: { line in told.withLock { $0.append(line) } })
            let machine = try await rig.deploy()
            rig.change { $0.stores["nas"]?.isActive = false }
            try await rig.backend.detachSeed(from: machine)
            #expect(told.withLock { $0.contains { $0.contains("'nas'") && $0.contains("pvesm free nas:iso/pgkvm-seed-\(rig.deployment).iso") } })
        }
    }
}

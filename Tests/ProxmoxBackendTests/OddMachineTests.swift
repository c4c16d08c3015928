import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

/// Machines that were changed by hand, are locked, deaf or out of sight, and what no Proxmox can do.
@Suite("Odd machines of Proxmox VE", .server)
struct OddMachineTests {
    @Test("A guest whose agent was switched off by hand says so; one that is only starting has no address yet")
    func noAgent() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            #expect(try await rig.backend.endpoint(of: machine, service: .ssh) == nil)
            rig.change { $0.machines[100]?.config["agent"] = nil }
            let error = await failure { _ = try await rig.backend.endpoint(of: machine, service: .ssh) }
            #expect(error?.code == .proxmoxChanged && error?.remedy?.contains("qm set 100 --agent enabled=1") == true)
        }
    }

    @Test("A machine that was changed by hand is named, and neither made again nor deleted")
    func changedByHand() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            try await rig.backend.powerOff(machine)
            let config = try #require(rig.ours[100]?.config)
            // Its data disk was taken away.
            rig.change { $0.machines[100]?.config["virtio1"] = nil }
            for call in [
                { try await rig.backend.start(machine) }, { _ = try await rig.backend.create(rig.machineSpec) },
                { _ = try await rig.backend.dataDisk(of: machine) },
            ] {
                let error = await failure(call)
                #expect(error?.code == .proxmoxChanged && error?.message.contains("VM 100") == true)
            }
            // Its notes were emptied: now it may be anybody's.
            rig.change { $0.machines[100]?.config["description"] = nil }
            for call in [
                { try await rig.backend.start(machine) }, { try await rig.backend.delete(machine) }, { try await rig.backend.detachSeed(from: machine) },
            ] {
                let error = await failure(call)
                #expect(error?.code == .machineStranger && error?.remedy?.contains("notes") == true)
            }
            #expect(rig.machines.count == 1)
            // Written back, everything goes on; a medium that somebody else put in stays.
            rig.change {
                $0.machines[100]?.config = config
                $0.machines[100]?.config["scsi1"] = "local:iso/debian.iso,media=cdrom"
            }
            #expect(await failure { try await rig.backend.detachSeed(from: machine) }?.code == .proxmoxChanged)
            rig.change { $0.machines[100]?.config = config }
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty)
        }
    }

    @Test("A machine that is locked, and one that the token does not see, are no reason to take it for absent")
    func unseen() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            rig.change { $0.machines[100]?.config["lock"] = "backup" }
            let locked = await failure { try await rig.backend.delete(machine) }
            #expect(locked?.code == .proxmoxLocked && locked?.remedy?.contains("qm unlock") == true)
            rig.change {
                $0.machines[100]?.config["lock"] = nil
                $0.privileges = ["/storage/local": ["Datastore.Audit"]]
            }
            let unseen = await failure { _ = try await rig.backend.powerState(of: machine) }
            #expect(unseen?.code == .proxmoxPermission && unseen?.remedy?.contains("VM.Audit") == true)
        }
    }

    @Test("While its node is away, the machine is not reported as missing")
    func nodeAway() async throws {
        var model = PVEModel()
        model.nodes["pve2"] = PVEModel.Node()
        try await Rig.run(model, change: { $0.node = "pve2" }) { rig in
            let machine = try await rig.deploy()
            rig.change { $0.nodes["pve2"]?.isOnline = false }
            #expect(await failure { _ = try await rig.backend.powerState(of: machine) }?.code == .proxmoxNode)
            #expect(await failure { _ = try await rig.backend.find(rig.deployment, name: rig.spec.name) }?.code == .proxmoxNode)
            #expect(await failure { try await rig.backend.delete(machine) }?.code == .proxmoxNode)
            rig.change { $0.nodes["pve2"]?.isOnline = true }
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty)
        }
    }

    @Test("A guest that does not hear goes on running, and that is said")
    func deaf() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            rig.change { $0.machines[100]?.isDeaf = true }
            #expect(await failure { try await rig.backend.shutDown(machine, grace: .seconds(1)) }?.code == .machineStillRunning)
            #expect(try await rig.backend.powerState(of: machine) == .running)
        }
    }

    @Test("A store without room for more leaves the data disk as it was")
    func fullGrowth() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            let error = await failure { try await rig.backend.growDataDisk(to: .gibibytes(2000), of: machine) }
            #expect(error?.code == .diskFull)
            #expect(try await rig.backend.dataDisk(of: machine) == .gibibytes(10))
        }
    }

    @Test("An image that is not what its name says is refused before it is sent")
    func image() async throws {
        try await Rig.run { rig in
            let error = await failure { _ = try await rig.backend.create(rig.machineSpec(format: .raw)) }
            #expect(error?.code == .proxmoxImageUnfit)
            #expect(rig.files.isEmpty && rig.machines.isEmpty)
        }
    }

    @Test("What no Proxmox can do is refused with the reason")
    func unsupported() async throws {
        let connection = ProxmoxConnection(url: "https://127.0.0.1:1")
        let backend = ProxmoxBackend(connection: connection, environment: { _ in nil })
        var specs: [ApplianceSpec] = []
        for mode in [ApplianceSpec.Network.Mode.user, .tap] {
            var spec = Rig.spec()
            spec.network.mode = mode
            specs.append(spec)
        }
        var adopting = Rig.spec()
        adopting.dataDisk.adopt = "/x"
        var overlay = Rig.spec()
        overlay.machine.systemDisk.layout = .overlay
        for spec in specs + [adopting, overlay] {
            let error = await failure { _ = try await backend.checkHost(spec) }
            #expect(error?.code == .unsupported && error?.remedy != nil)
        }
    }
}

import ApplianceModel
import Basics
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

@Suite("Whose a machine of Proxmox VE is", .server)
struct OwnershipTests {
    @Test("Without its tag, and before its name is in the list, a machine is found all the same")
    func withoutTag() async throws {
        var model = PVEModel()
        model.listsWithoutName = 2
        try await Rig.run(model) { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            #expect(try await rig.backend.find(rig.deployment, name: rig.spec.name) == machine)
            #expect(try await rig.backend.create(rig.machineSpec) == machine)
            rig.change { $0.machines[100]?.config["tags"] = nil }
            #expect(try await rig.backend.find(rig.deployment, name: rig.spec.name) == machine)
        }
    }

    @Test("A clone has the notes and the tag, and is not the machine")
    func clone() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            rig.change {
                var clone = $0.machines[100]
                clone?.config["name"] = "Copy-of-VM-orders"
                clone?.config["smbios1"] = "uuid=00000000-1111-2222-3333-444444444444"
                $0.machines[90] = clone
            }
            #expect(try await rig.backend.find(rig.deployment, name: rig.spec.name) == machine)
            let copy = MachineReference(backend: .proxmox, deployment: rig.deployment, identifier: "90")
            rig.change {
                let clone = $0.machines.removeValue(forKey: 90)
                $0.machines[190] = clone
            }
            let reference = MachineReference(backend: copy.backend, deployment: copy.deployment, identifier: "190")
            let error = await failure { try await rig.backend.delete(reference) }
            #expect(error?.code == .machineStranger && error?.message.contains("it is a copy") == true)
            try await rig.backend.delete(machine)
            #expect(rig.machines.keys.sorted() == [190])
            #expect(try await rig.backend.find(rig.deployment, name: rig.spec.name) == nil)
        }
    }

    @Test("Of two that both say that they are the machine neither is taken")
    func twice() async throws {
        try await Rig.run { rig in
            _ = try await rig.backend.create(rig.machineSpec)
            rig.change { $0.machines[105] = $0.machines[100] }
            for call in [
                { _ = try await rig.backend.find(rig.deployment, name: rig.spec.name) }, { _ = try await rig.backend.create(rig.machineSpec) },
            ] {
                let error = await failure(call)
                #expect(error?.code == .machineStranger && error?.message.contains("VM 100") == true && error?.message.contains("VM 105") == true)
            }
        }
    }

    @Test("A number that another machine has by now says nothing: the appliance's machine is absent, and its deletion touches nobody's")
    func reusedNumber() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            rig.change {
                $0.machines[100] = stranger()
                $0.machines[104] = stranger(name: "wages", tags: "pgkvm")
            }
            #expect(try await rig.backend.powerState(of: machine) == .absent)
            try await rig.backend.delete(machine)
            #expect(rig.machines.keys.sorted() == [100, 104] && rig.machines.values.allSatisfy { $0.state == "running" })
        }
    }

    @Test("A machine that came back from a backup under another number is found by what it is")
    func otherNumber() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            rig.change {
                let restored = $0.machines.removeValue(forKey: 100)
                $0.machines[200] = restored
            }
            #expect(try await rig.backend.powerState(of: machine) == .off)
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty)
        }
    }
}

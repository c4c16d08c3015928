import ApplianceModel
import HostSystem
import MachineBackend
import Synchronization
import TestSupport
import Testing

@testable import ProxmoxBackend

/// For the server, a client that was killed is one from which nothing comes any more: the connection ends, before or after the
/// request was carried out, and what was begun goes on.
@Suite("A run that was killed", .server)
struct KillTests {
    /// The requests that change something, by their numbers: between two of them the server stays as it is, whatever is asked.
    private func changes(_ server: PVEServer) -> [Int] {
        server.requests.withLock { $0.enumerated().filter { $0.element.method != "GET" }.map { $0.offset + 1 } }
    }

    @Test("Before or after any change of the creation, then run again: one machine, one seed, one image, no stranger touched", arguments: [false, true])
    func create(carriesOut: Bool) async throws {
        var model = PVEModel()
        model.machines[100] = stranger()
        try await PVEServer.with(model) { server in
            // From a whole run without a fault.
            _ = try await Rig(server).deploy()
            let numbers = changes(server)
            #expect(numbers.count == 7)
            for number in numbers {
                server.model.withLock { $0 = model }
                server.requests.withLock { $0 = [] }
                server.model.withLock { $0.silence = (number, carriesOut) }
                let rig = try Rig(server)
                let error = await failure { _ = try await rig.deploy() }
                #expect(error != nil, "request \(number)")
                server.model.withLock { $0.silence = nil }
                let machine = try await rig.deploy()
                #expect(rig.ours.count == 1 && rig.machines.count == 2, "request \(number): \(rig.machines.keys.sorted())")
                #expect(rig.ours[101]?.state == "running" && rig.ours[101]?.config["virtio0"]?.contains("size=8G") == true, "request \(number)")
                #expect(rig.seeds.count == 1 && rig.files.count == 2, "request \(number): \(rig.files)")
                try await rig.backend.delete(machine)
                #expect(rig.machines.keys.sorted() == [100] && rig.seeds.isEmpty && rig.files.count == 1, "request \(number): \(rig.files)")
                #expect(rig.machines[100]?.config == stranger().config)
            }
        }
    }

    @Test("Before or after any change of the deletion, then run again: nothing is left", arguments: [false, true])
    func delete(carriesOut: Bool) async throws {
        try await PVEServer.with { server in
            func deployed() async throws -> (Rig, MachineReference) {
                server.model.withLock { $0 = PVEModel() }
                let rig = try Rig(server)
                let machine = try await rig.deploy()
                server.requests.withLock { $0 = [] }
                return (rig, machine)
            }
            let (rig, machine) = try await deployed()
            try await rig.backend.delete(machine)
            let numbers = changes(server)
            #expect(numbers.count == 4)
            for number in numbers {
                let (rig, machine) = try await deployed()
                server.model.withLock { $0.silence = (number, carriesOut) }
                #expect(await failure { try await rig.backend.delete(machine) } != nil, "request \(number)")
                server.model.withLock { $0.silence = nil }
                // What finds it again is what a new run has: the deployment.
                if let found = try await rig.backend.find(rig.deployment, name: rig.spec.name) { try await rig.backend.delete(found) }
                #expect(rig.machines.isEmpty && rig.seeds.isEmpty, "request \(number): \(rig.machines.keys.sorted()) \(rig.files)")
            }
        }
    }

    @Test("While the machine is still being made, a new run waits for that and takes it over")
    func underWay() async throws {
        try await Rig.run { rig in
            let client = try rig.backend.client()
            let parameters = try MachineParameters(
                spec: rig.machineSpec, vmid: "100", store: "local", image: "local:import/pgkvm-ab.qcow2", pool: nil
            ).list()
            rig.change { $0.files["pve1/local:import/pgkvm-ab.qcow2"] = PVEModel.File(path: rig.image, size: 1 << 30) }
            // Begun, and nobody waits.
            _ = try await client.data(.create(node: "pve1", parameters))
            #expect(rig.machines[100]?.config == ["lock": "create"])
            let machine = try await rig.backend.create(rig.machineSpec)
            #expect(machine.identifier == "100" && rig.machines.count == 1)
            #expect(rig.ours[100]?.config["virtio0"]?.contains("size=8G") == true)
        }
    }
}

import ApplianceModel
import Basics
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

/// The server copies an upload onto its final name in place: whoever reads the file meanwhile gets something else, and the task says OK.
@Suite("The image of machines on Proxmox VE", .server)
struct ImageTests {
    private static let other = DeploymentID("f123456789abcdef0123456789abcdef")

    private func uploads(_ rig: Rig) -> Int { rig.server.requests.withLock { $0.count { $0.path.hasSuffix("/upload") } } }
    private func images(_ rig: Rig) -> [String] { rig.files.filter { $0.contains(":import/") } }

    @Test("Two first deployments at once on one store each get the whole image")
    func atOnce() async throws {
        let name = try #require(ApplianceName("wages"))
        for _ in 0..<4 {
            try await PVEServer.with { server in
                let (first, second) = (try Rig(server), try Rig(server))
                async let one = first.backend.create(first.machineSpec)
                async let two = second.backend.create(second.machineSpec(name: name, deployment: Self.other))
                let machines = try await [one, two]
                #expect(first.machines.count == 2)
                #expect(first.machines.values.allSatisfy { !$0.isTorn })
                for machine in machines { try await first.backend.delete(machine) }
                #expect(first.machines.isEmpty)
                #expect(images(first).count <= 2)
            }
        }
    }

    @Test("An upload that is being copied is waited for and used")
    func waitedFor() async throws {
        try await Rig.run { rig in
            let image = try ProxmoxBackend.examine(rig.machineSpec.image)
            // Begun, and nobody waits.
            _ = try await rig.backend.client().data(
                .uploadImage(image.path, as: image.newName(), checksum: image.checksum, node: "pve1", storage: "local"))
            _ = try await rig.backend.create(rig.machineSpec)
            #expect(uploads(rig) == 1)
            #expect(rig.ours[100]?.isTorn == false)
        }
    }

    @Test("One that arrives whenever it likes after its run was killed harms nothing", arguments: [1, 4, 9, 12, 15, 20, 40])
    func late(requests: Int) async throws {
        var model = PVEModel()
        model.faults = [PVEModel.Fault("POST", "/upload", .lateUpload(after: requests))]
        try await Rig.run(model) { rig in
            #expect(await failure { _ = try await rig.backend.create(rig.machineSpec) }?.code == .proxmoxUnreachable)
            let machine = try await rig.backend.create(rig.machineSpec)
            #expect(rig.ours.count == 1)
            #expect(rig.ours[100]?.isTorn == false)
            try await rig.backend.delete(machine)
            // The next one takes what is there.
            let count = uploads(rig)
            _ = try await rig.backend.create(rig.machineSpec)
            #expect(uploads(rig) == count)
            #expect(rig.ours.values.allSatisfy { !$0.isTorn })
        }
    }

    @Test("What somebody else's upload has written so far is not used, and is left to them")
    func foreignHalf() async throws {
        try await Rig.run { rig in
            let image = try ProxmoxBackend.examine(rig.machineSpec.image)
            let half = "pve1/local:import/\(image.newName())"
            rig.change { $0.files[half] = PVEModel.File(path: "/nowhere", size: 4096) }
            _ = try await rig.backend.create(rig.machineSpec)
            #expect(uploads(rig) == 1)
            #expect(images(rig).count == 2)
        }
    }

    @Test("A seed's upload that arrives after its run was killed is gone with the machine, and does not take the place of a newer one", arguments: [1, 3, 6])
    func lateSeed(requests: Int) async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            rig.change { $0.faults = [PVEModel.Fault("POST", "/upload", .lateUpload(after: requests))] }
            #expect(await failure { try await rig.backend.attachSeed(rig.seed("old"), to: machine) }?.code == .proxmoxUnreachable)
            try await rig.backend.attachSeed(rig.seed("newer"), to: machine)
            try await rig.backend.delete(machine)
            #expect(rig.seeds.isEmpty)
        }
    }

    @Test("A log that is read before its first line loses none of it")
    func firstLine() async throws {
        try await PVEServer.with { server in
            let told = Mutex<[String]>([])
            let rig = try Rig(server, report: { line in told.withLock { $0.append(line) } })
            _ = try await rig.backend.create(rig.machineSpec)
            let lines = told.withLock { $0 }
            #expect(!lines.contains { $0.contains("no content") })
            #expect(lines.contains { $0.hasPrefix("the creation of VM 100: ") })
        }
    }
}

import ApplianceModel
import Basics
import MachineBackend
import TestSupport
import Testing

@testable import ProxmoxBackend

/// A directory makes a file with holes, a thin pool promises what it may not have: only some stores reserve a disk.
@Suite("The space of a data disk on Proxmox VE", .server)
struct SpaceTests {
    private func run(_ kind: String, _ body: (Rig, MachineReference) async throws -> Void) async throws {
        var model = PVEModel()
        model.stores["disks"] = PVEModel.Store(kind: kind, content: ["images"])
        try await Rig.run(model, change: { $0.storage = "disks" }) { rig in try await body(rig, try await rig.backend.create(rig.machineSpec)) }
    }

    @Test(
        "The guest writes it where only that reserves it, and not where holes would come back or there are none", arguments: ["dir", "nfs", "lvm", "lvmthin"])
    func writing(kind: String) async throws {
        try await run(kind) { rig, machine in
            let isFile = ["dir", "nfs"].contains(kind)
            let isReserved = try await rig.backend.isReservedByWriting(machine)
            #expect(isReserved == isFile)
            rig.change { $0.machines[100]?.written["virtio1"] = 10 << 30 }
            #expect(try await !rig.backend.isReservedByWriting(machine))
            // A machine of an earlier version: its zeros become holes.
            rig.change {
                $0.machines[100]?.written["virtio1"] = 0
                $0.machines[100]?.config["virtio1"] = "disks:100/vm-100-disk-2.raw,discard=on,serial=pgdata,size=10G"
            }
            #expect(try await !rig.backend.isReservedByWriting(machine))
        }
    }

    @Test(
        "The plan says what the store does with the space",
        arguments: [("dir", Finding.Level.pass), ("lvm", .pass), ("zfspool", .pass), ("lvmthin", .warn), ("rbd", .warn)])
    func plan(kind: String, level: Finding.Level) async throws {
        try await run(kind) { rig, _ in
            let finding = try #require(try await rig.backend.decideDisks(rig.spec).1.first { $0.check == "disk.reservation" })
            #expect(finding.level == level)
            #expect(finding.measured.contains("'disks' (\(kind))"))
        }
    }

    @Test("A store that cannot hold what was promised is told", arguments: ["dir", "lvmthin", "lvm"])
    func promise(kind: String) async throws {
        try await run(kind) { rig, machine in
            func level(_ check: String) async throws -> Finding.Level? { try await rig.backend.examinePromise(to: machine).first { $0.check == check }?.level }
            let level1 = try await level("host.store")
            #expect(level1 == .pass)
            rig.change { $0.stores["disks"]?.kept = .gibibytes(170) }
            let level2 = try await level("host.store")
            #expect(level2 == (kind == "lvm" ? .pass : .warn))
            let level3 = try await level("disk.allocation")
            #expect(level3 == (kind == "dir" ? .warn : nil))
            // Once it is written nothing more is promised; a thin store does not tell.
            rig.change { for drive in ["virtio0", "virtio1", "efidisk0"] { $0.machines[100]?.written[drive] = 10 << 30 } }
            let level4 = try await level("host.store")
            #expect(level4 == (kind == "lvmthin" ? .warn : .pass))
            let level5 = try await level("disk.allocation")
            #expect(level5 == (kind == "dir" ? .pass : nil))
        }
    }
}

import ApplianceModel
import Basics
import MachineBackend
import Synchronization
import TestSupport
import Testing

@testable import ProxmoxBackend

/// Machines that the cluster's HA manager keeps running.
@Suite("High availability on Proxmox VE", .server)
struct HighAvailabilityTests {
    @Test("Under HA the manager's wish counts: what it is to run is stopped although it is off just now, and the other way round")
    func managersWish() async throws {
        try await Rig.run(.withSharedStore, change: { $0.ha = true }) { rig in
            let machine = try await rig.deploy()
            try await rig.backend.detachSeed(from: machine)
            try await rig.backend.settleAvailability(of: machine)
            func expectSettled(_ state: PowerState) async throws {
                for _ in 1...6 { #expect(try await rig.backend.powerState(of: machine) == state) }
            }
            for stop in [{ try await rig.backend.shutDown(machine, grace: .seconds(20)) }, { try await rig.backend.powerOff(machine) }] {
                // The guest went down by itself, and the manager has not seen it yet.
                rig.change { $0.machines[100]?.state = nil }
                try await stop()
                try await expectSettled(.off)
                try await rig.backend.start(machine)
                try await expectSettled(.running)
            }
            // Somebody told the manager to stop it, and it has not got to it yet.
            rig.change { $0.ha["vm:100"] = "stopped" }
            try await rig.backend.start(machine)
            try await expectSettled(.running)
        }
    }

    @Test("Under HA it is registered when its seed is gone; start, stop and delete then wait for the manager")
    func highAvailability() async throws {
        try await Rig.run(.withSharedStore, change: { $0.ha = true }) { rig in
            let machine = try await rig.deploy()
            #expect(rig.server.model.withLock { $0.ha.isEmpty })
            try await rig.backend.detachSeed(from: machine)
            #expect(try await !rig.backend.isAvailabilityAsWanted(for: machine))
            try await rig.backend.settleAvailability(of: machine)
            #expect(rig.server.model.withLock { $0.ha } == ["vm:100": "started"])
            #expect(try await rig.backend.isAvailabilityAsWanted(for: machine))
            try await rig.backend.settleAvailability(of: machine)
            try await rig.backend.shutDown(machine, grace: .seconds(20))
            #expect(try await rig.backend.powerState(of: machine) == .off)
            try await rig.backend.start(machine)
            #expect(try await rig.backend.powerState(of: machine) == .running)
            #expect(try await rig.backend.autostart(of: machine) == .on(unit: "vm:100 of the HA manager"))
            try await rig.backend.powerOff(machine)
            #expect(try await rig.backend.powerState(of: machine) == .off)
            try await rig.backend.start(machine)
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty)
            #expect(rig.server.model.withLock { $0.ha.isEmpty })
        }
    }

    @Test("A medium in any drive is refused with the line that takes it out")
    func medium() async throws {
        try await Rig.run(.withSharedStore, change: { $0.ha = true }) { rig in
            let machine = try await rig.deploy()
            rig.change { $0.machines[100]?.config["ide2"] = "local:iso/debian.iso,media=cdrom" }
            try await rig.backend.detachSeed(from: machine)
            let failure = await failure { try await rig.backend.settleAvailability(of: machine) }
            #expect(
                failure?.code == .proxmoxNotShared && failure?.message.contains("in its drive ide2") == true && failure?.remedy == "qm set 100 --delete ide2")
            let finding = try #require(try await rig.backend.examineAvailability(of: machine))
            #expect(finding.level == .fail && finding.measured == failure?.message && finding.remedy == failure?.remedy)
            rig.change {
                $0.machines[100]?.config["ide2"] = "none,media=cdrom"
                $0.machines[100]?.config["scsi1"] = "local:iso/rescue.iso,media=cdrom"
            }
            #expect(try await rig.backend.examineAvailability(of: machine)?.measured.contains("rescue.iso") == true)
            rig.change { $0.machines[100]?.config["scsi1"] = "local:iso/\(ProxmoxBackend.seedName(rig.deployment)),media=cdrom" }
            #expect(try await rig.backend.examineAvailability(of: machine)?.level == .pass)
            rig.change { $0.machines[100]?.config["scsi1"] = nil }
            try await rig.backend.settleAvailability(of: machine)
            #expect(rig.server.model.withLock { $0.ha } == ["vm:100": "started"])
        }
    }

    @Test("A local disk is refused before anything changes, with what keeps it from being copied", arguments: LocalDisk.all)
    func localDisk(_ disk: LocalDisk) async throws {
        try await Rig.run { rig in
            let machine = try await rig.deployed(ha: true, jobs: disk.jobs) { disk.change(&$0) }
            let before = rig.machines[100]?.config
            let failure = await failure { try await machine.backend.settleAvailability(of: machine.reference) }
            #expect(failure?.code == .proxmoxNotShared && failure?.message.contains(disk.says) == true, "\(failure?.message ?? "nothing")")
            #expect(failure?.remedy?.contains("pvesr create-local-job 100-0") == true && failure?.remedy?.contains("qm disk move 100 ") == true)
            let finding = try #require(try await machine.backend.examineAvailability(of: machine.reference))
            #expect(finding.level == .fail && finding.measured == failure?.message && finding.remedy == failure?.remedy)
            #expect(rig.server.model.withLock { $0.ha.isEmpty } && rig.machines[100]?.config == before)
        }
    }

    struct LocalDisk: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var jobs: [PVEModel.ReplicationJob] = [PVEModel.ReplicationJob(target: "pve2")]
        let says: String
        var change: @Sendable (inout PVEModel) -> Void = { _ in }

        static let all = [
            LocalDisk(testDescription: "no job", jobs: [], says: "'local', which is not shared, and no replication job copies it"),
            LocalDisk(testDescription: "a disabled job", says: "the replication job 100-0 to 'pve2' is disabled") { $0.replication[100]?[0].isDisabled = true },
            LocalDisk(testDescription: "a failing job", says: "failed: command 'zfs send' failed: out of space") { $0.replication[100]?[0].failures = 3 },
            LocalDisk(testDescription: "a job that has not run", says: "has copied nothing yet") { $0.replication[100]?[0].lastCopy = 0 },
            LocalDisk(testDescription: "a disk that is left out", says: "has 'replicate=0'") { $0.machines[100]?.config["virtio1"]? += ",replicate=0" },
        ]
    }

    @Test("A machine whose disks are copied to another node is registered, with a warning of what may be lost")
    func replicated() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deployed(
                ha: true, jobs: [PVEModel.ReplicationJob(target: "pve2", schedule: "*/5"), PVEModel.ReplicationJob(target: "pve3")]
            ) {
                $0.replication[100]?[1].isDisabled = true
            }
            let finding = try #require(try await machine.backend.examineAvailability(of: machine.reference))
            #expect(finding.level == .warn && finding.measured == "copied to 'pve2' by the job 100-0 (*/5)")
            #expect(finding.remedy?.contains("without the commits since the last copy") == true)
            try await machine.backend.settleAvailability(of: machine.reference)
            #expect(rig.server.model.withLock { $0.ha } == ["vm:100": "started"])
            // What fails later is told, and changes nothing: the machine is there.
            rig.change { $0.replication[100]?[0].failures = 1 }
            let later = try #require(try await machine.backend.examineAvailability(of: machine.reference))
            #expect(later.level == .fail && later.measured.contains("out of space"))
            #expect(try await machine.backend.isAvailabilityAsWanted(for: machine.reference))
        }
    }

    @Test("A spec that wants no HA any more takes out what pgkvm registered; the node starts the machine from then on")
    func takenOut() async throws {
        try await Rig.run(.withSharedStore, change: { $0.ha = true }) { rig in
            let machine = try await rig.deploy()
            try await rig.backend.detachSeed(from: machine)
            try await rig.backend.settleAvailability(of: machine)
            let without = try Rig(rig.server).backend
            let planned = try #require(try await without.plannedMachine(of: machine))
            #expect(try await rig.backend.recipe(for: planned).calls.compactMap(\.byHand.first) == ["qm start 100"])
            #expect(try await without.recipe(for: planned).calls.compactMap(\.byHand.first) == ["qm start 100", "ha-manager remove vm:100"])
            #expect(try await !without.isAvailabilityAsWanted(for: machine))
            try await without.settleAvailability(of: machine)
            #expect(rig.server.model.withLock { $0.ha.isEmpty && $0.haComments.isEmpty } && rig.machines[100]?.state == "running")
            #expect(try await without.examineAvailability(of: machine) == nil)
            #expect(try await without.autostart(of: machine) == .on(unit: "'onboot' of VM 100"))
            #expect(try await without.isAvailabilityAsWanted(for: machine))

            // Whoever does not want it to start with its node is not overruled by the way over HA.
            try await without.setAutostart(false, of: machine)
            try await rig.backend.settleAvailability(of: machine)
            try await without.settleAvailability(of: machine)
            #expect(try await without.autostart(of: machine) == .off && rig.server.model.withLock { $0.ha.isEmpty })
        }
    }

    @Test("What somebody else registered, and what the token may not see, stays under HA")
    func foreignRegistration() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            rig.change { ($0.ha["vm:100"], $0.haComments["vm:100"]) = ("started", "by the night shift") }
            #expect(try await rig.backend.isAvailabilityAsWanted(for: machine))
            try await rig.backend.settleAvailability(of: machine)
            rig.change {
                $0.haComments["vm:100"] = ProxmoxBackend.comment("orders")
                $0.privileges = ["/vms": ["VM.Audit", "VM.Config.Options"], "/": ["Sys.Console"]]
            }
            #expect(try await rig.backend.isAvailabilityAsWanted(for: machine))
            #expect(rig.server.model.withLock { $0.ha } == ["vm:100": "started"])
        }
    }
}

extension PVEModel {
    fileprivate static var withSharedStore: PVEModel {
        var model = PVEModel()
        model.stores["ceph"] = PVEModel.Store(kind: "rbd", content: ["images"])
        model.stores["ceph"]?.isShared = true
        return model
    }
}

extension Rig {
    /// A machine that was deployed without HA and is looked at by a backend that wants it or not.
    fileprivate func deployed(
        ha: Bool, jobs: [PVEModel.ReplicationJob], _ change: @Sendable (inout PVEModel) -> Void
    ) async throws -> (backend: ProxmoxBackend, reference: MachineReference) {
        let machine = try await deploy()
        try await backend.detachSeed(from: machine)
        self.change { $0.replication[100] = jobs }
        self.change(change)
        return (try Rig(server) { $0.ha = ha }.backend, machine)
    }
}

internal import ApplianceModel
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import SpecFile

/// The disks: VirtIO Block, and how much space they get.
struct DiskStop: Stop {
    let id = StopID.disk
    let title = "the disks (VirtIO Block)"

    func text(_ situation: Situation) -> StopText {
        StopText(
            what: "Two disks, one for the system and one for the database alone. VirtIO Block hands the guest's writes to the host's kernel; no disk "
                + "controller is emulated.",
            why: "A commit waits for one flush through this path, so its latency is the latency of a commit. 'pgkvm verify' counts that no flush is lost, "
                + "and warns under KVM when virtualization adds more than 200 us to a write.",
            found: situation.finding("host.storage") + [situation.resource(.space)].compactMap(\.self) + [mode(situation)].compactMap(\.self),
            recommended: "\(situation.standard.dataDisk.size) of data: it can grow later while the database runs, and never shrink. Its space is taken from "
                + "the host at once, so that it cannot run out under the database.",
            alternatives: [
                "VirtIO SCSI, which Proxmox VE recommends for its features: one more layer.",
                "cache=unsafe: fast, and a power cut loses commits. pgkvm does not offer it.",
            ])
    }

    private func mode(_ situation: Situation) -> String? {
        situation.plan.machine.disk.map { disk in
            "cache \(disk.cacheDirect ? "none" : "writeback"), aio \(disk.aio.rawValue), \(disk.ioThread ? "an I/O thread" : "no I/O thread of its own")"
                + " (expected; the deployment tries it)"
        }
    }

    func questions(_ situation: Situation) -> [Question] {
        [
            Question("Data disk", key: "data.size", present: "\(situation.spec.dataDisk.size)"),
            Question("System disk", key: "machine.systemDisk.size", present: "\(situation.spec.machine.systemDisk.size)"),
        ]
    }
}

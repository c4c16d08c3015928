internal import ApplianceModel
internal import MachineBackend
internal import Quoting
internal import Reports

/// The properties of the data disk as the guest's kernel shows them.
enum DiskQueueChecks {
    static let group = CheckGroup(name: .disk, check: "disk.queues") { run, _ in
        let target = run.target
        let use = try await target.backend.capabilities.discard?.discardUse(of: target.machine)
        return findings(try await run.guestReport.get(), vcpus: target.spec.machine.vcpus, discards: use)
    }

    /// - Parameter discards: what the platform does with discarded blocks; nil if it does not accept discards.
    static func findings(_ report: GuestReport, vcpus: Int, discards: DiscardUse? = nil) -> [Finding] {
        [serial(report), queues(report, vcpus: vcpus), scheduler(report), discard(report, discards)]
    }

    private static func serial(_ report: GuestReport) -> Finding {
        let found = report["data_disk_serial"]
        return Finding(
            check: "disk.serial", level: found == "pgdata" ? .pass : .fail, measured: found.isEmpty ? "nothing" : found, expected: "pgdata",
            remedy: found == "pgdata" ? nil : "the disk is not the one that pgkvm made: look at /dev/disk/by-id in the guest")
    }

    /// virtio-blk has as many queues as there are processors, so that no processor waits for another's queue.
    private static func queues(_ report: GuestReport, vcpus: Int) -> Finding {
        guard let count = Int(report["data_disk_queues"]), count > 0 else { return unknown("disk.queues", "\(vcpus)") }
        return Finding(
            check: "disk.queues", level: count >= vcpus ? .pass : .warn, measured: "\(count)", expected: "\(vcpus), one for each processor",
            remedy: count >= vcpus ? nil : "stop and start the appliance")
    }

    private static func scheduler(_ report: GuestReport) -> Finding {
        let line = report["data_disk_scheduler"]
        let chosen = line.split(at: "[").last?.split(at: "]").first.map(String.init) ?? ""
        guard line.holds("["), line.holds("]"), !chosen.isEmpty else { return unknown("disk.scheduler", "none") }
        return Finding(
            check: "disk.scheduler", level: chosen == "none" ? .pass : .warn, measured: chosen, expected: "none: the host orders the requests",
            remedy: chosen == "none" ? nil : "echo none >/sys/block/\(name(report))/queue/scheduler in the guest, and a udev rule that keeps it")
    }

    /// The host no longer guarantees the space that the guest gives back.
    private static func discard(_ report: GuestReport, _ use: DiscardUse?) -> Finding {
        guard let most = Int64(report["data_disk_discard_max"]) else { return unknown("disk.discard", "off") }
        let isSafe = most == 0 || use != nil
        let consequence =
            switch use {
            case nil: ""
            case .ignored: ", and the host ignores it"
            case .givenBack: ", and the storage gets the space back, as it is meant to"
            }
        return Finding(
            check: "disk.discard", level: isSafe ? .pass : .warn,
            measured: most == 0 ? "off" : "on, up to \(most) bytes at once" + consequence,
            expected: use == .givenBack ? "off, or meant" : "off or ignored: the host's space stays reserved",
            remedy: isSafe ? nil : "stop and start the appliance; keep fstrim off until then")
    }

    private static func name(_ report: GuestReport) -> String { report["data_disk"].split(at: "/").last.map(String.init) ?? "DISK" }

    private static func unknown(_ check: String, _ expected: String) -> Finding {
        Finding(check: check, level: .fail, measured: "the guest did not say", expected: expected, remedy: "verify again; if it stays, pgkvm logs")
    }
}

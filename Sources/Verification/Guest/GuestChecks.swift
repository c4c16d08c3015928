internal import ApplianceModel
internal import Basics
internal import Reports

/// What the guest reports about its memory and about its need for maintenance.
enum GuestChecks {
    static let group = CheckGroup(name: .guest, check: "guest.report") { run, _ in
        findings(try await run.guestReport.get(), run.target.spec)
    }

    static func findings(_ report: GuestReport, _ spec: ApplianceSpec) -> [Finding] {
        [memory(report, spec), updates(report), reboot(report), units(report), backup]
    }

    /// The kernel reserves a part for itself, so up to an eighth may be missing.
    private static func memory(_ report: GuestReport, _ spec: ApplianceSpec) -> Finding {
        let seen = (Int64(report["memory_kib"]) ?? 0) >> 10
        let asked = spec.machine.memory.mebibytes
        let passed = seen <= asked && seen * 8 >= asked * 7 - 1024
        return Finding(
            check: "memory.size", level: passed ? .pass : .fail, measured: "\(seen) MiB usable", expected: "\(asked) MiB less the kernel's part",
            remedy: passed ? nil : "stop and start the appliance")
    }

    private static func updates(_ report: GuestReport) -> Finding {
        guard let pending = Int(report["security_updates"]) else {
            return Finding(
                check: "updates.security", level: .skip, measured: "the guest has no package lists", expected: "0 pending",
                remedy: "apt-get update in the guest, then verify again")
        }
        return Finding(
            check: "updates.security", level: pending == 0 ? .pass : .warn, measured: "\(pending) pending", expected: "0 pending",
            remedy: pending == 0 ? nil : "apt-get upgrade in the guest, at a time of your choice: the database restarts with its own packages only")
    }

    private static func reboot(_ report: GuestReport) -> Finding {
        guard !report["kernel_running"].isEmpty, !report["kernel_newest"].isEmpty else {
            return .unsaid("guest.reboot", expected: "the newest installed kernel")
        }
        let isNeeded = report["reboot_required"] == "yes" || report["kernel_running"] != report["kernel_newest"]
        return Finding(
            check: "guest.reboot", level: isNeeded ? .warn : .pass,
            measured: isNeeded ? "kernel \(report["kernel_running"]) runs, \(report["kernel_newest"]) is installed" : "kernel \(report["kernel_running"])",
            expected: "the newest installed kernel", remedy: isNeeded ? "pgkvm restart, at a time of your choice" : nil)
    }

    private static func units(_ report: GuestReport) -> Finding {
        // This is the last line of the report. Without it, the report is incomplete.
        guard report.has("failed_units") else { return .unsaid("guest.units", expected: "no failed units") }
        let failed = report["failed_units"]
        return Finding(
            check: "guest.units", level: failed.isEmpty ? .pass : .warn, measured: failed.isEmpty ? "no failed units" : "failed: \(failed)",
            expected: "no failed units", remedy: failed.isEmpty ? nil : "systemctl status in the guest")
    }

    private static let backup = Finding(
        check: "backup.configured", level: .warn, measured: "no backup is configured", expected: "a backup outside this host",
        remedy: "archive_mode is on: set archive_command and take base backups with the tool of your choice")
}

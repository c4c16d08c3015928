internal import ApplianceModel
internal import Basics
internal import Reports

/// What the guest reports about its disks, without using them.
enum DiskShapeChecks {
    static let group = CheckGroup(name: .disk, check: "guest.report") { run, _ in
        findings(try await run.guestReport.get(), run.target.spec)
    }

    static func findings(_ report: GuestReport, _ spec: ApplianceSpec) -> [Finding] {
        [
            .diskDrivers("disk.driver", report["data_disk_drivers"]),
            .diskDrivers("disk.system-driver", report["root_disk_drivers"]),
            .equal("disk.size", report["data_disk_bytes"], "\(spec.dataDisk.size.bytes)", remedy: "the disk in the guest is not the one of the spec"),
            dataUsage(report),
            usage("disk.system-usage", report["system_used_percent"], what: "system disk"),
        ]
    }

    /// The server keeps one segment of WAL ready. With less space than this, the next segment may not fit, and then the server stops.
    private static let leastAvailable = ByteSize.mebibytes(32)

    private static func dataUsage(_ report: GuestReport) -> Finding {
        let finding = usage("disk.data-usage", report["data_used_percent"], what: "data disk")
        guard let available = Int64(report["data_available_kib"]) else {
            return finding.level == .skip ? finding : .unsaid("disk.data-usage", expected: finding.expected)
        }
        guard finding.level != .skip, available < leastAvailable.bytes >> 10 else { return finding }
        return Finding(
            check: "disk.data-usage", level: .fail, measured: "full: \(available >> 10) MiB available on the data disk", expected: finding.expected,
            remedy: "free space, or move to a larger data disk: the server stops when its log finds no room")
    }

    private static func usage(_ check: String, _ percent: String, what: String) -> Finding {
        guard let used = Int(percent) else {
            return Finding(check: check, level: .skip, measured: "unknown", expected: "at most 80 %", remedy: "the \(what) is not mounted")
        }
        return Finding(
            check: check, level: used > 80 ? .warn : .pass, measured: "\(used) % of the \(what) used", expected: "at most 80 %",
            remedy: used > 80 ? "free space, or move to a larger \(what)" : nil)
    }
}

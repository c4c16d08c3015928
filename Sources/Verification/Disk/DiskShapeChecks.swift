internal import ApplianceModel

/// What the guest says of its disks, without using them.
enum DiskShapeChecks {
    static let group = CheckGroup(name: .disk, check: "guest.report") { run, _ in
        findings(try await run.guestReport.get(), run.target.spec)
    }

    static func findings(_ report: GuestReport, _ spec: ApplianceSpec) -> [Finding] {
        [
            .driver("disk.driver", report["data_disk_driver"], "virtio_blk"),
            .driver("disk.system-driver", report["root_disk_driver"], "virtio_blk"),
            .equal("disk.size", report["data_disk_bytes"], "\(spec.dataDisk.size.bytes)", remedy: "the disk in the guest is not the one of the spec"),
            usage("disk.data-usage", report["data_used_percent"], what: "data disk"),
            usage("disk.system-usage", report["system_used_percent"], what: "system disk"),
        ]
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

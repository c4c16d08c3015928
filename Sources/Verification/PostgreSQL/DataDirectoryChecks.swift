internal import ApplianceModel
internal import Quoting
internal import Reports

/// Where the cluster is stored, according to the mounts of the guest's kernel.
enum DataDirectoryChecks {
    static let group = CheckGroup(name: .postgresql, check: "guest.report") { run, _ in
        findings(try await run.guestReport.get())
    }

    static func findings(_ report: GuestReport) -> [Finding] {
        let mount = report["data_mount"]
        let disk = report["data_disk"]
        // If the data is on a disk without the serial, the report names that disk too.
        let isOurs = !disk.isEmpty && report["data_disk_serial"] == "pgdata"
        let passed = isOurs && mount.begins(with: "\(disk) ext4 ") && mount.contains("noatime")
        return [
            Finding(
                check: "postgresql.data-directory", level: passed ? .pass : .fail, measured: mount.isEmpty ? "not mounted" : mount,
                expected: "\(isOurs ? disk : "the disk with the virtio serial pgdata"), ext4, noatime",
                remedy: passed ? nil : "the data directory is not on the data disk: look at /etc/fstab in the guest")
        ]
    }
}

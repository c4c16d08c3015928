internal import ApplianceModel

/// Where the cluster lies, as the guest's kernel has it mounted.
enum DataDirectoryChecks {
    static let group = CheckGroup(name: .postgresql, check: "guest.report") { run, _ in
        findings(try await run.guestReport.get())
    }

    static func findings(_ report: GuestReport) -> [Finding] {
        let mount = report["data_mount"]
        let disk = report["data_disk"]
        let passed = !disk.isEmpty && mount.hasPrefix("\(disk) ext4 ") && mount.contains("noatime")
        return [
            Finding(
                check: "postgresql.data-directory", level: passed ? .pass : .fail, measured: mount.isEmpty ? "not mounted" : mount,
                expected: "\(disk.isEmpty ? "the data disk" : disk), ext4, noatime",
                remedy: passed ? nil : "the data directory is not on the data disk: look at /etc/fstab in the guest")
        ]
    }
}

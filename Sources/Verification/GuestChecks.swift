internal import ApplianceModel

/// What the guest says of its processor, disks, network and care.
enum GuestChecks {
    static let group = CheckGroup(name: .guest, check: "guest.report") { run, _ in
        let target = run.target
        return findings(try await run.guestReport.get(), target.spec, version: target.postgresqlVersion, accelerator: target.accelerator)
    }

    static func findings(_ report: GuestReport, _ spec: ApplianceSpec, version: Int, accelerator: Accelerator) -> [Finding] {
        [
            aes(report, accelerator), processors(report, spec), memory(report, spec),
            driver("disk.driver", report["data_disk_driver"], "virtio_blk"),
            driver("disk.system-driver", report["root_disk_driver"], "virtio_blk"),
            driver("network.driver", report["network_driver"], "virtio_net"),
            dataDirectory(report, version: version), size(report, spec),
            usage("disk.data-usage", report["data_used_percent"], what: "data disk"),
            usage("disk.system-usage", report["system_used_percent"], what: "system disk"),
            updates(report), reboot(report), units(report), backup,
        ]
    }

    private static func aes(_ report: GuestReport, _ accelerator: Accelerator) -> Finding {
        let words = report["cpuid_leaf1"].split(separator: " ").compactMap { UInt32($0, radix: 16) }
        guard words.count == 4 else {
            return Finding(
                check: "cpu.aes", level: .fail, measured: "CPUID could not be executed in the guest", expected: "CPUID leaf 1, ECX bit 25 set",
                remedy: "the guest's kernel needs the module 'cpuid'")
        }
        let hasAES = words[2] >> 25 & 1 == 1
        let origin = accelerator == .tcg ? " (emulated by TCG: no hardware speed)" : ""
        return Finding(
            check: "cpu.aes", level: hasAES ? .pass : .fail,
            measured: "executed CPUID leaf 1: ECX=0x\(String(words[2], radix: 16)), AES-NI \(hasAES ? "there" : "missing")\(origin)",
            expected: "ECX bit 25 set",
            remedy: hasAES ? nil : "the host's processor or its hypervisor hides AES-NI: pass the host's CPU through to this host")
    }

    private static func processors(_ report: GuestReport, _ spec: ApplianceSpec) -> Finding {
        equal("cpu.count", report["cpus"], "\(spec.machine.vcpus)", remedy: "stop and start the appliance")
    }

    /// The kernel keeps a part for itself: up to an eighth is expected to be missing.
    private static func memory(_ report: GuestReport, _ spec: ApplianceSpec) -> Finding {
        let seen = (Int64(report["memory_kib"]) ?? 0) >> 10
        let asked = spec.machine.memory.mebibytes
        let passed = seen <= asked && seen * 8 >= asked * 7 - 1024
        return Finding(
            check: "memory.size", level: passed ? .pass : .fail, measured: "\(seen) MiB usable", expected: "\(asked) MiB less the kernel's part",
            remedy: passed ? nil : "stop and start the appliance")
    }

    private static func driver(_ check: String, _ found: String, _ wanted: String) -> Finding {
        equal(check, found, wanted, remedy: "the device is not a VirtIO one: deploy the appliance anew")
    }

    private static func dataDirectory(_ report: GuestReport, version: Int) -> Finding {
        let mount = report["data_mount"]
        let disk = report["data_disk"]
        let passed = !disk.isEmpty && mount.hasPrefix("\(disk) ext4 ") && mount.contains("noatime")
        return Finding(
            check: "postgresql.data-directory", level: passed ? .pass : .fail, measured: mount.isEmpty ? "not mounted" : mount,
            expected: "\(disk.isEmpty ? "the data disk" : disk), ext4, noatime",
            remedy: passed ? nil : "the data directory is not on the data disk: look at /etc/fstab in the guest")
    }

    private static func size(_ report: GuestReport, _ spec: ApplianceSpec) -> Finding {
        equal("disk.size", report["data_disk_bytes"], "\(spec.dataDisk.size.bytes)", remedy: "the disk in the guest is not the one of the spec")
    }

    private static func usage(_ check: String, _ percent: String, what: String) -> Finding {
        guard let used = Int(percent) else {
            return Finding(check: check, level: .skip, measured: "unknown", expected: "at most 80 %", remedy: "the \(what) is not mounted")
        }
        return Finding(
            check: check, level: used > 80 ? .warn : .pass, measured: "\(used) % of the \(what) used", expected: "at most 80 %",
            remedy: used > 80 ? "free space, or move to a larger \(what)" : nil)
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
        guard !report["kernel_running"].isEmpty, !report["kernel_newest"].isEmpty else { return unknown("guest.reboot", "the newest installed kernel") }
        let isNeeded = report["reboot_required"] == "yes" || report["kernel_running"] != report["kernel_newest"]
        return Finding(
            check: "guest.reboot", level: isNeeded ? .warn : .pass,
            measured: isNeeded ? "kernel \(report["kernel_running"]) runs, \(report["kernel_newest"]) is installed" : "kernel \(report["kernel_running"])",
            expected: "the newest installed kernel", remedy: isNeeded ? "pgkvm restart, at a time of your choice" : nil)
    }

    private static func units(_ report: GuestReport) -> Finding {
        // The last line of the report: without it the report broke off.
        guard report.has("failed_units") else { return unknown("guest.units", "no failed units") }
        let failed = report["failed_units"]
        return Finding(
            check: "guest.units", level: failed.isEmpty ? .pass : .warn, measured: failed.isEmpty ? "no failed units" : "failed: \(failed)",
            expected: "no failed units", remedy: failed.isEmpty ? nil : "systemctl status in the guest")
    }

    private static func unknown(_ check: String, _ expected: String) -> Finding {
        Finding(check: check, level: .fail, measured: "the guest did not say", expected: expected, remedy: "verify again; if it stays, pgkvm logs")
    }

    private static let backup = Finding(
        check: "backup.configured", level: .warn, measured: "no backup is configured", expected: "a backup outside this host",
        remedy: "archive_mode is on: set archive_command and take base backups with the tool of your choice")

    private static func equal(_ check: String, _ measured: String, _ expected: String, remedy: String) -> Finding {
        Finding(
            check: check, level: measured == expected ? .pass : .fail, measured: measured.isEmpty ? "nothing" : measured, expected: expected,
            remedy: measured == expected ? nil : remedy)
    }
}

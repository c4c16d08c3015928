import ApplianceModel
import Basics
import Testing

@testable import Verification

@Suite("Checks of the guest's report")
struct GuestChecksTests {
    /// What `guest-report.sh` prints in a guest in which all is well.
    static let good = [
        "cpus": "2", "memory_kib": "2014212", "data_disk": "/dev/vdb",
        "data_disk_drivers": "virtio_blk virtio-pci", "data_disk_bytes": "10737418240", "root_disk_drivers": "virtio_blk virtio-pci", "network_link": "enp0s5",
        "network_driver": "virtio_net", "data_mount": "/dev/vdb ext4 rw,noatime", "data_used_percent": "3", "data_available_kib": "9437184",
        "system_used_percent": "41",
        "reboot_required": "no", "kernel_running": "6.12.1-cloud-amd64", "kernel_newest": "6.12.1-cloud-amd64", "security_updates": "0",
        "failed_units": "", "data_disk_serial": "pgdata", "data_disk_queues": "2", "data_disk_scheduler": "[none] mq-deadline",
        "data_disk_discard_max": "0", "write_caches": "vda:write back;vdb:write back;",
    ]

    static func findings(_ changes: [String: String?] = [:]) throws -> [Finding] {
        var values = good
        for (key, value) in changes { values[key] = value }
        let spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        let text = values.map { "\($0.key)=\($0.value)" }.joined(separator: "\n")
        return judge(GuestReport(text), spec)
    }

    /// Every check that reads the report.
    private static func judge(_ report: GuestReport, _ spec: ApplianceSpec) -> [Finding] {
        [ProcessorCountChecks.count(report, spec)] + GuestChecks.findings(report, spec)
            + NetworkShapeChecks.findings(report) + DataDirectoryChecks.findings(report) + DiskShapeChecks.findings(report, spec)
    }

    @Test("All is well in a good report but the backup that nobody has configured")
    func allWell() throws {
        let findings = try Self.findings()
        #expect(Set(findings.map(\.check)).count == findings.count)
        #expect(findings.filter { $0.level != .pass }.map(\.check) == ["backup.configured"])
        #expect(findings.filter { $0.level == .pass }.allSatisfy { $0.remedy == nil })
    }

    struct Mutation: Sendable, CustomTestStringConvertible {
        let changes: [String: String?]
        let check: String
        let level: Finding.Level
        let says: String
        var testDescription: String { "\(check): \(changes.map { "\($0.key)=\($0.value ?? "(missing)")" }.joined(separator: ", "))" }

        init(_ changes: [String: String?], _ check: String, _ level: Finding.Level, _ says: String) {
            self.changes = changes
            self.check = check
            self.level = level
            self.says = says
        }
    }

    static let mutations = [
        Mutation(["cpus": "1"], "cpu.count", .fail, "1"),
        Mutation(["cpus": nil], "cpu.count", .fail, "nothing"),
        Mutation(["memory_kib": "1000000"], "memory.size", .fail, "976 MiB"),
        Mutation(["memory_kib": "4194304"], "memory.size", .fail, "4096 MiB"),
        Mutation(["memory_kib": "much"], "memory.size", .fail, "0 MiB"),
        Mutation(["data_disk_drivers": "sd ahci"], "disk.driver", .fail, "sd on ahci"),
        Mutation(["data_disk_drivers": "nvme"], "disk.driver", .fail, "nvme"),
        Mutation(["data_disk_drivers": ""], "disk.driver", .fail, "nothing"),
        Mutation(["root_disk_drivers": ""], "disk.system-driver", .fail, "nothing"),
        Mutation(["root_disk_drivers": "virtio_blk virtio-pci,sd ata_piix"], "disk.system-driver", .fail, "virtio_blk, sd on ata_piix"),
        Mutation(["network_driver": "e1000"], "network.driver", .fail, "e1000"),
        Mutation(["network_driver": ""], "network.driver", .fail, "nothing"),
        // No card is known, so that nothing can be said of its driver.
        Mutation(["network_link": "", "network_driver": ""], "network.driver", .fail, "did not say"),
        Mutation(["network_link": nil], "network.driver", .fail, "did not say"),
        Mutation(["data_mount": "/dev/vda2 ext4 rw,noatime"], "postgresql.data-directory", .fail, "/dev/vda2"),
        Mutation(["data_mount": "/dev/vdb ext4 rw,relatime"], "postgresql.data-directory", .fail, "relatime"),
        Mutation(["data_mount": "/dev/vdb xfs rw,noatime"], "postgresql.data-directory", .fail, "xfs"),
        Mutation(["data_mount": ""], "postgresql.data-directory", .fail, "not mounted"),
        Mutation(["data_disk_serial": ""], "postgresql.data-directory", .fail, "/dev/vdb"),
        Mutation(["data_disk": "", "data_mount": " ext4 noatime"], "postgresql.data-directory", .fail, "ext4"),
        Mutation(["data_disk_bytes": "10737418241"], "disk.size", .fail, "10737418241"),
        Mutation(["data_used_percent": "81"], "disk.data-usage", .warn, "81 %"),
        Mutation(["data_used_percent": "100", "data_available_kib": "32767"], "disk.data-usage", .fail, "full: 31 MiB"),
        Mutation(["data_used_percent": "100", "data_available_kib": "0"], "disk.data-usage", .fail, "full: 0 MiB"),
        Mutation(["data_available_kib": nil], "disk.data-usage", .fail, "did not say"),
        Mutation(["data_used_percent": ""], "disk.data-usage", .skip, "unknown"),
        Mutation(["system_used_percent": "99"], "disk.system-usage", .warn, "99 %"),
        Mutation(["security_updates": "3"], "updates.security", .warn, "3 pending"),
        Mutation(["security_updates": "unknown"], "updates.security", .skip, "no package lists"),
        Mutation(["reboot_required": "yes"], "guest.reboot", .warn, "6.12.1"),
        Mutation(["kernel_newest": "6.12.2-cloud-amd64"], "guest.reboot", .warn, "6.12.2"),
        Mutation(["kernel_running": nil, "kernel_newest": nil], "guest.reboot", .fail, "did not say"),
        Mutation(["failed_units": "nginx.service"], "guest.units", .warn, "nginx.service"),
        Mutation(["failed_units": nil], "guest.units", .fail, "did not say"),
    ]

    @Test("One fault is seen by exactly its check, with what was measured and a remedy", arguments: mutations)
    func fault(mutation: Mutation) throws {
        let wrong = try Self.findings(mutation.changes).filter { $0.level != .pass && $0.check != "backup.configured" }
        #expect(wrong.map(\.check) == [mutation.check])
        #expect(wrong.first?.level == mutation.level)
        #expect(wrong.first?.measured.contains(mutation.says) == true, "\(wrong.first?.measured ?? "")")
        #expect(wrong.first?.remedy != nil)
    }

    @Test("Every check but the backup can be failed by one of these faults")
    func coverage() throws {
        #expect(Set(try Self.findings().map(\.check)) == Set(Self.mutations.map(\.check)).union(["backup.configured"]))
    }

    @Test(
        "Use up to 80 % is well, and the kernel's own part of the memory too",
        arguments: [
            "data_used_percent=80", "data_available_kib=32768", "root_disk_drivers=virtio_blk virtio-pci,virtio_blk virtio-pci", "memory_kib=1835008",
            "memory_kib=2097152",
        ])
    func borders(line: String) throws {
        let parts = line.split(separator: "=").map(String.init)
        #expect(try Self.findings([parts[0]: parts[1]]).allPassed)
    }

    @Test("An empty report passes nothing that it should have measured")
    func empty() throws {
        let spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        let findings = Self.judge(GuestReport(""), spec)
        #expect(findings.filter { $0.level == .pass }.isEmpty)
    }

    @Test("A report is read line by line: values may hold '=', spaces around them go, other lines are nobody's")
    func report() {
        let report = GuestReport("noise\na=1=2\n b = x \nempty=\na=3\n")
        #expect(report["a"] == "3")
        #expect(report[" b "] == "x")
        #expect(report["empty"] == "")
        #expect(report.has("empty"))
        #expect(!report.has("missing"))
        #expect(report["missing"] == "")
    }
}

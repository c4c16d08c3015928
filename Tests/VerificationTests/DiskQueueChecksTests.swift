import ApplianceModel
import Basics
import MachineBackend
import Testing

@testable import Verification

@Suite("The shape of the data disk")
struct DiskQueueChecksTests {
    private func findings(_ changes: [String: String?] = [:]) -> [Finding] {
        var values = GuestChecksTests.good
        for (key, value) in changes { values[key] = value }
        return DiskQueueChecks.findings(GuestReport(values.map { "\($0.key)=\($0.value)" }.joined(separator: "\n")), vcpus: 2)
    }

    @Test("All is well in a good report")
    func good() {
        #expect(findings().map(\.check) == ["disk.serial", "disk.queues", "disk.scheduler", "disk.discard"])
        #expect(findings().allSatisfy { $0.level == .pass && $0.remedy == nil })
    }

    @Test("What the host ignores gives nothing back")
    func ignored() throws {
        let good = GuestChecksTests.good.merging(["data_disk_discard_max": "2147483136"]) { _, new in new }
        let report = GuestReport(good.map { "\($0.key)=\($0.value)" }.joined(separator: "\n"))
        let finding = try #require(DiskQueueChecks.findings(report, vcpus: 2, discards: .ignored).last)
        #expect(finding.level == .pass)
        #expect(finding.measured == "on, up to 2147483136 bytes at once, and the host ignores it")
    }

    struct Mutation: Sendable, CustomTestStringConvertible {
        let key: String
        let value: String?
        let check: String
        let level: Finding.Level
        var testDescription: String { "\(key)=\(value ?? "(missing)")" }

        init(_ key: String, _ value: String?, _ check: String, _ level: Finding.Level) {
            self.key = key
            self.value = value
            self.check = check
            self.level = level
        }
    }

    @Test(
        "One fault is seen by exactly its check, with a remedy",
        arguments: [
            Mutation("data_disk_serial", "other", "disk.serial", .fail), Mutation("data_disk_serial", "", "disk.serial", .fail),
            Mutation("data_disk_serial", nil, "disk.serial", .fail), Mutation("data_disk_queues", "1", "disk.queues", .warn),
            Mutation("data_disk_queues", "0", "disk.queues", .fail), Mutation("data_disk_queues", nil, "disk.queues", .fail),
            Mutation("data_disk_scheduler", "none [mq-deadline]", "disk.scheduler", .warn), Mutation("data_disk_scheduler", "", "disk.scheduler", .fail),
            Mutation("data_disk_scheduler", "[", "disk.scheduler", .fail), Mutation("data_disk_scheduler", nil, "disk.scheduler", .fail),
            Mutation("data_disk_discard_max", "2147483136", "disk.discard", .warn), Mutation("data_disk_discard_max", "", "disk.discard", .fail),
            Mutation("data_disk_discard_max", nil, "disk.discard", .fail),
        ])
    func fault(mutation: Mutation) {
        let wrong = findings([mutation.key: mutation.value]).filter { $0.level != .pass }
        #expect(wrong.map(\.check) == [mutation.check])
        #expect(wrong.first?.level == mutation.level)
        #expect(wrong.first?.remedy != nil)
    }
}

import ApplianceModel
import HostSystem
import SystemPackage
import Testing
import Verification

@testable import Deployment

@Suite("Stored reports")
struct ReportsTests {
    @Test("The newest report is the latest, whatever the order in which they were stored; without any there is none")
    func latest() async throws {
        try await Scratch.with { scratch in
            let directory = try scratch.directory()
            #expect(try Reports.latest(directory)?.time == nil)
            let times = ["2026-02-01T00:00:00Z", "2026-11-30T23:59:59Z", "2026-03-01T12:00:00Z"]
            for time in times { try Reports.store(report(time), in: directory) }
            try Files.write("x", to: directory.reports.appending("zzz.txt"))
            let latest = try #require(try Reports.latest(directory))
            #expect(latest.time == "2026-11-30T23:59:59Z")
            #expect(latest.findings == report("").findings)
            #expect(latest.accelerator == .tcg)
            #expect(latest.formatVersion == 2)
            #expect(try Files.list(directory.reports).first == "20260201T000000Z.json")
        }
    }

    @Test("A newer report is refused as such, and a damaged one is named")
    func unreadable() async throws {
        try await Scratch.with { scratch in
            let directory = try scratch.directory()
            try Reports.store(report("2026-02-01T00:00:00Z"), in: directory)
            let path = directory.reports.appending("20270101T000000Z.json")
            for (text, code) in [(#"{"formatVersion":3}"#, Failure.Code.newerFormat), ("{", .fileUnreadable), (#"{"formatVersion":1}"#, .fileUnreadable)] {
                try Files.write(text, to: path)
                let error = #expect(throws: Failure.self) { try Reports.latest(directory) }
                #expect(error?.code == code)
                #expect(error?.message.contains("'\(path)'") == true)
            }
        }
    }

    private func report(_ time: String) -> Report {
        Report(
            appliance: "db", time: time, accelerator: .tcg, depth: .quick,
            findings: [Finding(check: "disk.cache", level: .warn, measured: "a/b", expected: "c", remedy: "d")], measurements: Measurements())
    }
}

import ApplianceModel
import Basics
import HostSystem
import Reports
import SystemPackage
import Testing
import Verification

@testable import Deployment

@Suite("Stored reports")
struct ReportStoreTests {
    @Test("The newest report is the latest, whatever the order in which they were stored; without any there is none")
    func latest() async throws {
        try await Scratch.with { scratch in
            let directory = try scratch.directory()
            #expect(try ReportStore.latest(directory)?.time == nil)
            let times = ["2026-02-01T00:00:00Z", "2026-11-30T23:59:59Z", "2026-03-01T12:00:00Z"]
            for time in times { try ReportStore.store(report(time), in: directory) }
            try Files.write("x", to: directory.reports.appending("zzz.txt"))
            let latest = try #require(try ReportStore.latest(directory))
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
            try ReportStore.store(report("2026-02-01T00:00:00Z"), in: directory)
            let path = directory.reports.appending("20270101T000000Z.json")
            for (text, code) in [(#"{"formatVersion":3}"#, Failure.Code.newerFormat), ("{", .fileUnreadable), (#"{"formatVersion":1}"#, .fileUnreadable)] {
                try Files.write(text, to: path)
                let error = #expect(throws: Failure.self) { try ReportStore.latest(directory) }
                #expect(error?.code == code)
                #expect(error?.message.contains("'\(path)'") == true)
            }
        }
    }

    @Test("Reports of one second stand beside each other, in order, and each can be named")
    func sameSecond() async throws {
        try await Scratch.with { scratch in
            let directory = try scratch.directory()
            let names = try (0..<11).map { _ in try ReportStore.store(report("2026-02-01T00:00:00Z"), in: directory).description }
            #expect(names.prefix(2) == ["20260201T000000Z", "20260201T000000Z-2"])
            #expect(names.last == "20260201T000000Z-11")
            try ReportStore.store(report("2026-01-31T00:00:00Z"), in: directory)
            #expect(try ReportStore.names(directory).map(\.description) == ["20260131T000000Z"] + names)
            #expect(try Files.list(directory.reports).count == 12)
            try ReportStore.store(report("2026-02-02T00:00:00Z"), in: directory)
            #expect(try ReportStore.find("latest", in: directory).time == "2026-02-02T00:00:00Z")
            #expect(try ReportStore.find("previous", in: directory).time == "2026-02-01T00:00:00Z")
            #expect(try ReportStore.find("20260131T000000Z", in: directory).time == "2026-01-31T00:00:00Z")
            #expect(try ReportStore.find("20260131T000000Z.json", in: directory).time == "2026-01-31T00:00:00Z")
            #expect(try ReportStore.find("\(directory.reports)/20260131T000000Z.json", in: directory).time == "2026-01-31T00:00:00Z")
            let error = #expect(throws: Failure.self) { try ReportStore.find("latst", in: directory) }
            #expect(error?.message.contains("did you mean 'latest'?") == true)
        }
    }

    @Test("Storing at the same moment loses none")
    func concurrent() async throws {
        try await Scratch.with { scratch in
            let directory = try scratch.directory()
            let names = try await withThrowingTaskGroup(of: ReportStore.Name.self) { group in
                for _ in 0..<16 { group.addTask { try ReportStore.store(report("2026-02-01T00:00:00Z"), in: directory) } }
                return try await group.reduce(into: Set<ReportStore.Name>()) { $0.insert($1) }
            }
            #expect(names.count == 16)
            #expect(try ReportStore.names(directory).count == 16)
            #expect(try Files.list(directory.reports).allSatisfy { $0.hasSuffix(".json") })
        }
    }

    @Test("A damaged report stands in the history as one that cannot be read")
    func history() async throws {
        try await Scratch.with { scratch in
            let directory = try scratch.directory()
            for day in 1...4 { try ReportStore.store(report("2026-02-0\(day)T00:00:00Z"), in: directory) }
            try Files.write("{", to: directory.reports.appending("20260202T000000Z.json"))
            let history = try ReportStore.history(directory, limit: 3)
            #expect(history.map(\.name.description) == ["20260202T000000Z", "20260203T000000Z", "20260204T000000Z"])
            #expect(history.map { $0.report == nil } == [true, false, false])
            #expect(ReportListing(name: "x", report: history[1].report).warned == 1)
            #expect(ReportListing(name: "x", report: nil).time == nil)
        }
    }

    private func report(_ time: String) -> Report {
        Report(
            appliance: "db", time: time, accelerator: .tcg, depth: .quick,
            findings: [Finding(check: "disk.cache", level: .warn, measured: "a/b", expected: "c", remedy: "d")], measurements: Measurements())
    }
}

import ApplianceModel
import Basics
import Reports
import TestSupport
import Testing

@testable import Probes

@Suite("fio's output")
struct FioOutputTests {
    /// Of Debian 12 and of Debian 13.
    static let versions = ["3.33", "3.39"]

    @Test("Real output of a job that writes and syncs is read to the last operation", arguments: versions)
    func syncedWrites(version: String) throws {
        let output = try FioOutput(Fixture.bytes("fio-\(version)-write.json"))
        #expect(output.version == "fio-\(version)")
        let syncs = try output.syncedWrites()
        #expect(output.writes?.count == syncs.count || output.writes?.count == syncs.count + 1)
        #expect(syncs.bins.reduce(0) { $0 + $1.count } == syncs.count)
        #expect(output.reads == nil)
        // Buffered writes end in the page cache: whoever quoted them would flatter many times over.
        let written = try #require(output.writes?.nanoseconds(at: 50))
        let synced = try #require(syncs.nanoseconds(at: 50))
        #expect(synced > written * 3)
    }

    @Test("Real output of a job that reads is read, and has no syncs", arguments: versions)
    func reads(version: String) throws {
        let output = try FioOutput(Fixture.bytes("fio-\(version)-read.json"))
        #expect(try output.required(\.reads, "reads").count > 100)
        #expect(output.syncs == nil)
        #expect(throws: Failure.self) { try output.syncedWrites() }
        #expect(throws: Failure.self) { try output.required(\.writes, "writes") }
    }

    @Test("Percentiles from the bins are those that fio computed itself", arguments: versions, ["write", "read"])
    func percentiles(version: String, job: String) throws {
        let output = try FioOutput(Fixture.bytes("fio-\(version)-\(job).json"))
        for histogram in [output.reads, output.writes, output.syncs].compactMap({ $0 }) {
            #expect(histogram.percentiles.count > 10)
            for (percent, value) in histogram.percentiles { #expect(histogram.nanoseconds(at: percent) == value, "p\(percent)") }
        }
    }

    @Test("Output that broke off is refused wherever it did", arguments: versions)
    func truncated(version: String) throws {
        let bytes = try Fixture.bytes("fio-\(version)-write.json")
        let end = try #require(bytes.lastIndex(of: UInt8(ascii: "}")))
        for length in Array(stride(from: 0, to: end, by: 97)) + [end - 1, end] {
            let error = #expect(throws: Failure.self, "\(length)") { try FioOutput(Array(bytes[..<length])) }
            #expect(error?.code == .probeUnreadable)
        }
    }

    @Test(
        "A latency or a count that no machine has is refused or kept, and ends nothing",
        arguments: [
            ("1e30", "3"), ("1e300", "9223372036854775807"), ("18446744073709551616", "3"), ("5", "9223372036854775807"), ("nan", "3"), ("inf", "3"),
        ])
    func beyondAnyMachine(latency: String, count: String) throws {
        let side = #"{"total_ios": 0, "clat_ns": {"N": 0, "min": 0, "max": 0, "mean": 0}}"#
        let text = """
            {"fio version": "fio-3.39", "jobs": [{"error": 0, "read": \(side), "write": \(side), "sync": {"lat_ns": {"N": 3, "min": 1, "max": 1e308,
             "mean": 5, "percentile": {"50.000000": 5}, "bins": {"\(latency)": \(count), "4": 9223372036854775807}}}}]}
            """
        let error = #expect(throws: Failure.self) { try FioOutput(Array(text.utf8)) }
        #expect(error?.code == .probeUnreadable)
    }

    @Test("Operations that pass the largest number are added up to it")
    func pooled() {
        let round = LatencyHistogram(
            count: .max, meanNanoseconds: 1e300, bins: [.init(nanoseconds: 5, count: .max), .init(nanoseconds: .max, count: .max)], percentiles: [:])
        let all = LatencyHistogram.distribution([round, round])
        #expect(all.count == .max)
        #expect(all.points.first?.nanoseconds == 5)
    }

    struct Damage: Sendable, CustomTestStringConvertible {
        let what: String
        let from: String
        let to: String
        var testDescription: String { what }
    }

    static let damages = [
        Damage(what: "an error of the job", from: #""error" : 0"#, to: #""error" : 5"#),
        Damage(what: "a lost operation", from: #""total_ios" : COUNT"#, to: #""total_ios" : 1"#),
        Damage(what: "a lost count", from: #""N" : SYNCS"#, to: #""N" : 7"#),
        Damage(what: "a count that is no number", from: #""N" : SYNCS"#, to: #""N" : "many""#),
        Damage(what: "bins of another name", from: #""sync" :"#, to: #""sink" :"#),
        Damage(what: "a second job", from: #""jobs" : ["#, to: #""jobs" : [{"error":0},"#),
        Damage(what: "no job", from: #""jobs" : ["#, to: #""jobs" : [], "other" : ["#),
        Damage(what: "not a number", from: #""mean" : "#, to: #""mean" : -nan, "was" : "#),
        Damage(what: "a median out of order", from: #""50.000000" : "#, to: #""50.000000" : 9"#),
        Damage(what: "no version", from: #""fio version""#, to: #""version""#),
    ]

    @Test("Output that is damaged, or contradicts itself, is refused", arguments: damages, versions)
    func damaged(damage: Damage, version: String) throws {
        let text = try Fixture.text("fio-\(version)-write.json")
        let good = try FioOutput(Array(text.utf8))
        let from = damage.from.replacing("COUNT", with: "\(good.writes?.count ?? 0)").replacing("SYNCS", with: "\(good.syncs?.count ?? 0)")
        let changed = text.replacing(from, with: damage.to)
        #expect(changed != text)
        let error = #expect(throws: Failure.self) { try FioOutput(Array(changed.utf8)) }
        #expect(error?.code == .probeUnreadable)
    }

    @Test("A run whose writes were not all synced does not count")
    func unsynced() throws {
        let text = try Fixture.text("fio-3.33-write.json")
        let good = try FioOutput(Array(text.utf8))
        let writes = try #require(good.writes)
        let fewer = LatencyHistogram(count: writes.count - 2, meanNanoseconds: 1, bins: [], percentiles: [50: 1])
        for syncs in [nil, fewer] {
            let output = FioOutput(version: "", reads: nil, writes: writes, syncs: syncs)
            #expect(throws: Failure.self) { try output.syncedWrites() }
        }
        let last = LatencyHistogram(count: writes.count - 1, meanNanoseconds: 1, bins: [], percentiles: [50: 1])
        #expect(try FioOutput(version: "", reads: nil, writes: writes, syncs: last).syncedWrites() == last)
    }

    @Test("Remarks before the result are left out, anything else there is not")
    func remarks() throws {
        let bytes = try Fixture.bytes("fio-3.33-write.json")
        let good = try FioOutput(bytes)
        #expect(try FioOutput(Array("note: both iodepth >= 1 and synchronous I/O engine are selected\nfio: a remark\n".utf8) + bytes) == good)
        #expect(throws: Failure.self) { try FioOutput(Array("sudo: a password is required\n".utf8) + bytes) }
        #expect(throws: Failure.self) { try FioOutput(bytes + Array("Terminated".utf8)) }
    }
}

@Suite("Latencies of several rounds")
struct LatencyHistogramTests {
    @Test("Rounds are added up operation by operation, so that a slow one counts as much as it has operations")
    func pooled() throws {
        let all = try #require(LatencyHistogram.pooled([histogram(100, count: 900), histogram(1_000, count: 100)]))
        #expect(all.count == 1_000)
        #expect(all.nanoseconds(at: 50) == 100)
        #expect(all.nanoseconds(at: 99) == 2_000)
        #expect(all.meanNanoseconds == 190)
        #expect(LatencyHistogram.pooled([]) == nil)
    }

    @Test(
        "A percentile that fewer than ten operations lie above is left out",
        arguments: [
            (99, [10, 25, 50, 75, 90]), (999, [10, 25, 50, 75, 90, 95]), (1_000, [10, 25, 50, 75, 90, 95, 99]), (9_999, [10, 25, 50, 75, 90, 95, 99]),
            (10_000, [10, 25, 50, 75, 90, 95, 99, 99.9]),
        ] as [(Int, [Double])])
    func backed(count: Int, percents: [Double]) {
        #expect(LatencyHistogram.distribution([histogram(100, count: count)]).points.map(\.percent) == (count < 100 ? [10, 25, 50, 75] : percents))
    }

    @Test("Without bins, percentiles are medians of the rounds, and only those that each round bears")
    func withoutBins() {
        let rounds = [100, 300, 200].map { LatencyHistogram(count: 1_000, meanNanoseconds: $0, bins: [], percentiles: [50: $0, 99: $0 * 10, 99.9: $0 * 20]) }
        let distribution = LatencyHistogram.distribution(rounds)
        #expect(distribution.count == 3_000)
        #expect(distribution.points.map(\.percent) == [50, 99])
        #expect(distribution.nanoseconds(at: 99) == 2_000)
    }
}

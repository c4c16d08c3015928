import ApplianceModel
import Terminal
import Testing

@testable import Reports

@Suite("The report as text")
struct TextReportTests {
    @Test("On a terminal levels have colours and percentiles bars; elsewhere there is plain text")
    func styles() {
        let report = SampleReport.whole()
        let plain = TextReport.render(report)
        #expect(!plain.contains("\u{1b}"))
        #expect(!plain.contains("█"))
        #expect(plain.contains("FAIL  durability.flush     500 flushes in the guest"))
        #expect(plain.contains("  p50     host      118 µs\n          guest     142 µs"))
        #expect(plain.contains("INCONCLUSIVE: the two halves on the host differ"))
        #expect(plain.hasSuffix("6 pass, 1 skip, 2 warn, 1 fail"))
        let terminal = TextReport.render(report, style: TextStyle(hasColor: true, hasBlocks: true, columns: 100))
        #expect(terminal.contains("\u{1b}[1;31mFAIL\u{1b}[0m"))
        #expect(terminal.contains("█"))
        let uncoloured = TextReport.render(report, style: TextStyle(hasColor: false, hasBlocks: true, columns: 100))
        #expect(!uncoloured.contains("\u{1b}"))
        #expect(uncoloured.split(separator: "\n").allSatisfy { $0.count <= 140 })
    }

    @Test("A report whose figures no machine has is shown in every form", arguments: [-1e300, 1e300, 0, 1e18, -0.5])
    func figures(value: Double) throws {
        let side = LatencyDistribution(
            count: .max, meanNanoseconds: value, points: [.init(percent: value, nanoseconds: value), .init(percent: -value, nanoseconds: -value)])
        var report = SampleReport.whole()
        var measurements = report.measurements
        measurements.latencies = [
            LatencyComparison(
                check: "disk.x", work: "", host: side, guest: side, ratio: Estimate(value: value, low: value, high: value), rounds: .min, inconclusive: nil)
        ]
        measurements.metrics = MetricUnit.allCases.map { Metric("disk.x", value, $0, better: .lower) }
        report = Report(
            appliance: "orders", time: "9223372036854775807-9223372036854775807-1T0", accelerator: .kvm, depth: .full, findings: report.findings,
            measurements: measurements)
        #expect(TextReport.render(report, style: TextStyle(hasColor: true, hasBlocks: true, columns: 80)).contains("Latency"))
        #expect(try HTMLReport.render(report, history: [report, SampleReport.whole()]).hasPrefix("<!DOCTYPE"))
        #expect(JUnitReport.render(report).contains("<testsuite"))
        #expect(TextReport.comparison(ReportComparison(SampleReport.whole(), report)).hasPrefix("from "))
    }

    @Test("The verdict counts what failed, and does not call a pass what was not checked")
    func verdicts() {
        func verdict(_ levels: Finding.Level...) -> String {
            levels.map { Finding(check: "a.b", level: $0, measured: "", expected: "") }.verdict
        }
        #expect(verdict() == "Nothing was checked")
        #expect(verdict(.skip, .skip) == "Nothing could be checked")
        #expect(verdict(.pass) == "1 check passed")
        #expect(verdict(.pass, .pass) == "All 2 checks passed")
        #expect(verdict(.pass, .skip) == "1 check passed, 1 left out")
        #expect(verdict(.pass, .warn) == "Nothing failed, 1 warning")
        #expect(verdict(.fail, .warn, .pass) == "1 of 3 checks failed")
    }

    @Test(
        "The axis of a chart has round ends around all values, also around none and odd ones",
        arguments: [[], [0], [-1, .nan], [1e300], [5], [1, 1e9], [118e3, 4e6]])
    func scale(values: [Double]) {
        let scale = LogScale(values)
        #expect(scale.low < scale.high)
        #expect(scale.ticks.first.map { $0 >= scale.low } == true)
        #expect(scale.ticks.count >= 2)
        #expect(scale.ticks.count <= 12)
        for value in values { #expect((0...1).contains(scale.share(value))) }
        for value in values where (1e-3..<1e18).contains(value) { #expect(scale.share(value) > 0 && value <= scale.high * 1.000001) }
    }

    @Test("What would steer a terminal is shown instead")
    func hostile() {
        let text = TextReport.render(SampleReport.hostileReport) + TextReport.comparison(ReportComparison(SampleReport.whole(), SampleReport.hostileReport))
        for scalar in text.unicodeScalars where scalar != "\n" {
            #expect(scalar.value >= 0x20 && !(0x7f..<0xa0).contains(scalar.value) && scalar.value != 0x202e)
        }
        #expect(text.contains("\\u{1b}[31mred"))
    }

    @Test("History is a line for each run, readable or not")
    func history() {
        let text = TextReport.history([("20261101T000000Z", SampleReport.whole(failing: false)), ("20261102T000000Z-2", nil), ("b", SampleReport.report([]))])
        #expect(
            text == """
                20261101T000000Z    WARN  KVM  standard  Nothing failed, 2 warnings, 1 left out
                20261102T000000Z-2  cannot be read
                b                   SKIP  KVM  standard  Nothing was checked
                """)
    }

    @Test("Two reports differ in the levels that changed, in checks that came and went, and in figures by their ratio")
    func comparison() throws {
        let before = SampleReport.report(
            [
                Finding(check: "a.same", level: .pass, measured: "1", expected: ""), Finding(check: "a.gone", level: .fail, measured: "1", expected: ""),
                Finding(check: "a.worse", level: .pass, measured: "1", expected: ""),
            ],
            metrics: [
                Metric("disk.write-latency.p50", 100e3, .nanoseconds, better: .lower), Metric("x.gone.y", 1, .count, better: .lower),
                Metric("postgresql.pgbench.select-only", 1000, .transactionsPerSecond, better: .higher),
            ])
        let after = SampleReport.report(
            [
                Finding(check: "a.same", level: .pass, measured: "2", expected: ""), Finding(check: "a.new", level: .skip, measured: "none", expected: ""),
                Finding(check: "a.worse", level: .warn, measured: "2", expected: ""), Finding(check: "a.worse", level: .fail, measured: "3", expected: ""),
            ], time: "2026-11-23T00:00:00Z",
            metrics: [
                Metric("disk.write-latency.p50", 110e3, .nanoseconds, better: .lower),
                Metric("postgresql.pgbench.select-only", 400, .transactionsPerSecond, better: .higher),
            ])
        let change = ReportComparison(before, after)
        #expect(change.findings.map(\.check) == ["a.new", "a.worse", "a.gone"])
        #expect(change.findings.map(\.before) == [nil, .pass, .fail])
        #expect(change.findings.map(\.after) == [.skip, .fail, nil])
        #expect(change.metrics.map(\.ratio) == [0.4, 1.1])
        #expect(change.cautions == [])
        let text = TextReport.comparison(change)
        #expect(text.contains("a.worse  PASS → FAIL  3"))
        #expect(text.contains("a.gone   FAIL → none  no longer checked"))
        #expect(text.contains("worse"))
        #expect(ReportComparison(before, before).findings == [])
        #expect(TextReport.comparison(ReportComparison(before, before)).contains("every check has the level that it had"))
        #expect(ReportComparison(SampleReport.whole(accelerator: .tcg), after).cautions.count == 1)
    }
}

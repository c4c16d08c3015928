import ApplianceModel
import Basics
import TestSupport
import Testing

@testable import Probes
@testable import Reports
@testable import Verification

@Suite("Latency of the guest against the host")
struct LatencyVerdictTests {
    private static let verdict = LatencyVerdict(check: "disk.write-latency", work: "work", counter: "flushes", slack: 1)

    private func judge(
        host: [Int], guest: [Int], count: Int = 1_000, missing: NotMeasured? = nil, counted: Int? = nil
    ) -> LatencyVerdict.Result {
        var rounds = LatencyRounds()
        rounds.host = host.map { histogram($0, count: count) }
        rounds.guest = guest.map { histogram($0, count: count) }
        rounds.hostMissing = missing
        rounds.counted = counted
        return Self.verdict.judge(rounds)
    }

    private func value(_ result: LatencyVerdict.Result, _ metric: String) -> Double? { result.metrics.first { $0.id == "disk.write-latency.\(metric)" }?.value }

    @Test("Counts that pass the largest number end in a verdict")
    func saturated() {
        let round = LatencyHistogram(
            count: .max, meanNanoseconds: 1e300, bins: [.init(nanoseconds: 5, count: .max), .init(nanoseconds: .max, count: .max)], percentiles: [:])
        #expect(!Self.verdict.judge(LatencyRounds(guest: [round, round], counted: .min)).comparison.guest.points.isEmpty)
    }

    @Test("On a host that holds still the ratio of paired rounds is given, with its interval")
    func steady() throws {
        let result = judge(host: [100, 110, 90, 100, 105, 95].map { $0 * 1_000 }, guest: [200, 220, 180, 200, 210, 190].map { $0 * 1_000 }, count: 2_000)
        #expect(result.finding.level == .pass)
        #expect(result.finding.remedy == nil)
        #expect(result.comparison.ratio == Estimate(value: 2, low: 2, high: 2))
        #expect(result.comparison.inconclusive == nil)
        #expect(result.comparison.rounds == 6)
        #expect(result.comparison.guest.count == 12_000)
        #expect(value(result, "ratio") == 2)
        #expect(value(result, "host-p50") == 100_000)
        #expect(value(result, "p50") != nil && value(result, "p99") != nil && value(result, "p99.9") != nil)
        #expect(result.finding.measured.contains("guest / host 2.00x (2.00x to 2.00x, 6 rounds)"))
    }

    @Test("Rounds that both sides share in a storm cancel out")
    func shared() {
        let storm = [100, 900, 200, 700, 110, 950, 180, 720].map { $0 * 1_000 }
        let result = judge(host: storm, guest: storm.map { $0 * 3 / 2 })
        #expect(result.comparison.ratio?.value == 1.5)
        #expect(result.finding.level == .pass)
    }

    @Test("A host whose halves differ by more than a quarter makes the run inconclusive, and there is no ratio")
    func drift() {
        for host in [[100, 100, 100, 126, 126, 126], [126, 126, 126, 100, 100, 100]] {
            let result = judge(host: host.map { $0 * 1_000 }, guest: [Int](repeating: 200_000, count: 6))
            #expect(result.finding.level == .skip)
            #expect(result.finding.measured.hasPrefix("INCONCLUSIVE: the host's own median moved from "))
            #expect(result.finding.remedy != nil)
            #expect(result.comparison.ratio == nil)
            #expect(result.comparison.inconclusive?.contains("100 µs") == true)
            #expect(value(result, "ratio") == nil)
            #expect(value(result, "p50") == 200_000)
        }
        #expect(judge(host: [100, 100, 100, 125, 125, 125], guest: [Int](repeating: 200, count: 6)).finding.level == .pass)
    }

    @Test("Too few rounds are inconclusive", arguments: 1...4)
    func few(rounds: Int) {
        let result = judge(host: [Int](repeating: 100, count: rounds), guest: [Int](repeating: 200, count: rounds))
        #expect(result.finding.level == .skip)
        #expect(result.finding.measured.contains("INCONCLUSIVE: \(rounds) rounds are too few"))
        #expect(result.comparison.ratio == nil)
    }

    @Test("The tail is given only where enough operations stand behind it")
    func tail() {
        let result = judge(host: [Int](repeating: 100_000, count: 5), guest: [Int](repeating: 200_000, count: 5), count: 1_900)
        #expect(value(result, "p99") != nil)
        #expect(value(result, "p99.9") == nil)
        #expect(result.finding.measured.contains("p99.9 not known from 9500 operations"))
    }

    @Test("Without a host's side the guest's figures stand alone, and the check says why it is left out")
    func alone() {
        let result = judge(host: [], guest: [200, 210], missing: NotMeasured(reason: "fio is not installed on this host", remedy: "apt-get install fio"))
        #expect(result.finding.level == .skip)
        #expect(result.finding.measured.contains("fio is not installed on this host"))
        #expect(result.finding.remedy == "apt-get install fio")
        #expect(result.comparison.host == nil)
        #expect(result.comparison.ratio == nil)
        #expect(value(result, "p50") != nil)
    }

    @Test("Operations that the platform never saw are a failure; more of them than fio's are other users'")
    func counters() {
        let host = [Int](repeating: 100_000, count: 5)
        let lost = judge(host: host, guest: host, counted: 4_994)
        #expect(lost.finding.level == .fail)
        #expect(lost.finding.measured.hasPrefix("fio counts 5000 flushes in the guest, the platform 4994"))
        #expect(lost.finding.remedy != nil)
        for counted in [4_995, 5_000, 70_000, nil] { #expect(judge(host: host, guest: host, counted: counted).finding.level == .pass) }
        // A failure is not hidden behind a host that does not hold still, or is not there.
        #expect(judge(host: [1, 1, 1, 9, 9, 9].map { $0 * 1_000 }, guest: host + [1_000], counted: 0).finding.level == .fail)
        #expect(judge(host: [], guest: host, missing: NotMeasured(reason: "", remedy: ""), counted: 0).finding.level == .fail)
    }

    @Test("A guest that is much faster than the storage below it is not praised")
    func implausible() {
        let result = judge(host: [Int](repeating: 1_000_000, count: 8), guest: [Int](repeating: 50_000, count: 8))
        #expect(result.finding.level == .warn)
        #expect(result.finding.remedy?.contains("durability.flushes") == true)
    }

    @Test("The time that is left follows from the pace so far")
    func progress() {
        #expect(RoundProgress.text("disk", round: 1, of: 12, elapsed: .zero) == "disk: round 1 of 12")
        #expect(RoundProgress.text("disk", round: 3, of: 12, elapsed: .seconds(8)) == "disk: round 3 of 12, about 41 s left")
    }
}

@Suite("The virtualization tax")
struct VirtualizationTaxTests {
    private func finding(_ median: Int, counted: Int, _ accelerator: Accelerator = .kvm) -> Finding {
        VirtualizationTaxCheck.finding(LatencyHistogram.distribution([histogram(median, count: 4_000)]), counted: counted, accelerator: accelerator)
    }

    @Test("A disk that nobody else writes to has to count exactly what fio counts", arguments: [0, 3_999, 4_001, 120_000])
    func counts(counted: Int) {
        #expect(finding(20_000, counted: counted).level == .fail)
        #expect(finding(20_000, counted: counted).measured.contains("the platform \(counted)"))
    }

    @Test("Requests under KVM that cost as much as emulated ones are a warning; emulated ones are said to be")
    func slow() {
        #expect(finding(20_000, counted: 4_000).level == .pass)
        #expect(finding(250_000, counted: 4_000).level == .warn)
        #expect(finding(250_000, counted: 4_000, .tcg).level == .pass)
        #expect(finding(250_000, counted: 4_000, .tcg).measured.contains("emulated"))
    }
}

internal import ApplianceModel
internal import Basics
internal import Probes
internal import Reports

/// The results of interleaved rounds.
struct LatencyRounds: Sendable {
    /// Empty if the host was not measured.
    var host: [LatencyHistogram] = []
    var guest: [LatencyHistogram] = []
    /// Why there are no results for the host.
    var hostMissing: NotMeasured?
    /// Operations of this kind that the platform counted on the disk meanwhile, including other users'; nil if it cannot be queried.
    var counted: Int?
}

/// The rules that turn rounds into a finding, a comparison and metrics; separate from the measuring.
struct LatencyVerdict: Sendable {
    let check: String
    /// The work that was done, for the report.
    let work: String
    /// The kind of operation that the platform counts: `flushes`, `reads`.
    let counter: String
    /// How many more operations a round of the guest may have than the platform counts: fio leaves the last sync out, or counts it.
    let slack: Int

    /// The largest difference between the two halves of the host's rounds. If they differ more, the rounds say nothing about the guest.
    static let greatestDrift = 0.25
    /// A guest that is faster than the storage below it by this ratio does not wait for that storage.
    static let implausibleRatio = 0.5
    static let expected = "guest and platform count the same; a host that holds still within 25 %"

    struct Result: Sendable {
        let finding: Finding
        let comparison: LatencyComparison
        let metrics: [Metric]
    }

    func judge(_ rounds: LatencyRounds) -> Result {
        let guest = LatencyHistogram.distribution(rounds.guest)
        let host = rounds.host.isEmpty ? nil : LatencyHistogram.distribution(rounds.host)
        let inconclusive = host == nil ? nil : Self.inconclusive(rounds.host)
        let ratios = zip(rounds.guest, rounds.host).compactMap { guest, host -> Double? in
            guard let above = guest.nanoseconds(at: 50), let below = host.nanoseconds(at: 50), below > 0 else { return nil }
            return above / below
        }
        let ratio = host == nil || inconclusive != nil ? nil : Statistics.medianEstimate(ratios)
        let comparison = LatencyComparison(
            check: check, work: work + Self.method(rounds), host: host, guest: guest, ratio: ratio, rounds: rounds.guest.count, inconclusive: inconclusive)
        return Result(finding: finding(rounds, comparison), comparison: comparison, metrics: metrics(comparison))
    }

    /// Why the host's rounds cannot be used for a comparison.
    static func inconclusive(_ host: [LatencyHistogram]) -> String? {
        guard host.count >= Statistics.fewestRounds else { return "\(host.count) rounds are too few to tell the guest from the noise" }
        let medians = host.compactMap { $0.nanoseconds(at: 50) }
        guard let drift = Statistics.drift(medians) else { return "the host's rounds have no medians" }
        guard drift > greatestDrift else { return nil }
        let half = medians.count / 2
        let halves = [medians.prefix(half), medians.suffix(half)].compactMap { Statistics.median(Array($0)) }.map(MetricUnit.nanoseconds.text)
        return "the host's own median moved from \(halves.joined(separator: " to ")) between the halves of the rounds"
    }

    private static func method(_ rounds: LatencyRounds) -> String {
        let isPooled = LatencyHistogram.pooled(rounds.guest) != nil && (rounds.host.isEmpty || LatencyHistogram.pooled(rounds.host) != nil)
        return isPooled ? "" : "; percentiles are medians of the rounds' own"
    }

    private func finding(_ rounds: LatencyRounds, _ comparison: LatencyComparison) -> Finding {
        var measured = "guest \(comparison.guest.percentilesText)"
        if let host = comparison.host { measured += "; host \(host.percentilesText)" }
        if let ratio = comparison.ratio {
            let unit = MetricUnit.ratio
            measured +=
                "; guest / host \(unit.text(ratio.value)) (\(unit.text(ratio.low)) to \(unit.text(ratio.high)), \(comparison.rounds) rounds)"
        }
        func result(_ level: Finding.Level, _ remedy: String?) -> Finding {
            Finding(check: check, level: level, measured: measured, expected: Self.expected, remedy: remedy)
        }
        let operations = rounds.guest.map(\.count).sumSaturated()
        if let counted = rounds.counted, counted < operations - slack * rounds.guest.count {
            measured = "fio counts \(operations) \(counter) in the guest, the platform \(counted); " + measured
            return result(
                .fail, "something between the guest's file system and the disk swallows \(counter): see durability.flushes and durability.write-cache")
        }
        if let missing = rounds.hostMissing {
            measured += "; \(missing.reason)"
            return result(.skip, missing.remedy)
        }
        if let reason = comparison.inconclusive {
            measured = "INCONCLUSIVE: \(reason); " + measured
            return result(.skip, "verify again when the host is quieter, or with more --rounds")
        }
        if let ratio = comparison.ratio, ratio.high < Self.implausibleRatio {
            return result(.warn, "the guest is faster than the storage that holds its disk: look at durability.flushes before believing it")
        }
        return result(.pass, nil)
    }

    private func metrics(_ comparison: LatencyComparison) -> [Metric] {
        var metrics: [Metric] = []
        for (percent, name) in [(50.0, "p50"), (99.0, "p99"), (99.9, "p99.9")] {
            if let value = comparison.guest.nanoseconds(at: percent) { metrics.append(Metric("\(check).\(name)", value, .nanoseconds, better: .lower)) }
        }
        if let host = comparison.host?.nanoseconds(at: 50) { metrics.append(Metric("\(check).host-p50", host, .nanoseconds, better: .lower)) }
        if let ratio = comparison.ratio { metrics.append(Metric("\(check).ratio", ratio.value, .ratio, better: .lower)) }
        return metrics
    }
}

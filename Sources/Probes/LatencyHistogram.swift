internal import ApplianceModel
internal import Basics
package import Reports

/// Latencies as fio reports them: exact counts in bins whose width is at most 1/64 of their value.
package struct LatencyHistogram: Sendable, Equatable {
    /// The operations that took up to a time, and longer than those in the bin before.
    package struct Bin: Sendable, Equatable {
        let nanoseconds: Int
        let count: Int

        package init(nanoseconds: Int, count: Int) {
            self.nanoseconds = nanoseconds
            self.count = count
        }
    }

    package let count: Int
    package let meanNanoseconds: Double
    /// By rising latency; empty if fio reported none.
    let bins: [Bin]
    /// The percentiles that fio itself computed, by percent.
    let percentiles: [Double: Double]

    package init(count: Int, meanNanoseconds: Double, bins: [Bin], percentiles: [Double: Double]) {
        self.count = count
        self.meanNanoseconds = meanNanoseconds
        self.bins = bins
        self.percentiles = percentiles
    }

    /// Percents that a report shows.
    static let shownPercents: [Double] = [10, 25, 50, 75, 90, 95, 99, 99.9]

    /// Whether at least ten operations are above a percentile: p99 needs 1,000 operations, p99.9 needs 10,000.
    static func isBacked(_ percent: Double, count: Int) -> Bool { Double(count) * (100 - percent) >= 999.9 }

    /// Uses fio's rule: the first bin that, with the bins below it, contains `percent` of all operations.
    package func nanoseconds(at percent: Double) -> Double? {
        guard !bins.isEmpty else { return percentiles[percent] }
        let wanted = percent / 100 * Double(count)
        var passed = 0
        for bin in bins {
            passed = passed.addingSaturated(bin.count)
            if Double(passed) >= wanted { return Double(bin.nanoseconds) }
        }
        return bins.last.map { Double($0.nanoseconds) }
    }

    /// The median, in nanoseconds.
    package var median: Double? { nanoseconds(at: 50) }

    /// Combines all operations of several rounds into one distribution by adding up the bins.
    /// - Returns: nil without rounds, or if one of them has no bins.
    package static func pooled(_ rounds: [LatencyHistogram]) -> LatencyHistogram? {
        guard !rounds.isEmpty, rounds.allSatisfy({ !$0.bins.isEmpty }) else { return nil }
        var counts: [Int: Int] = [:]
        for bin in rounds.flatMap(\.bins) { counts[bin.nanoseconds] = (counts[bin.nanoseconds] ?? 0).addingSaturated(bin.count) }
        let bins = counts.sorted { $0.key < $1.key }.map { Bin(nanoseconds: $0.key, count: $0.value) }
        return LatencyHistogram(count: count(rounds), meanNanoseconds: mean(rounds), bins: bins, percentiles: [:])
    }

    /// The distribution to show for several rounds: percentiles of the pooled operations. If a round has no bins, these are the medians of the
    /// rounds' own percentiles, and only of those for which every round has enough operations.
    package static func distribution(_ rounds: [LatencyHistogram]) -> LatencyDistribution {
        let all = pooled(rounds)
        let points = shownPercents.compactMap { percent -> LatencyDistribution.Point? in
            let value: Double?
            if let all {
                value = isBacked(percent, count: all.count) ? all.nanoseconds(at: percent) : nil
            } else {
                let values = rounds.compactMap { isBacked(percent, count: $0.count) ? $0.nanoseconds(at: percent) : nil }
                value = values.count == rounds.count ? Statistics.median(values) : nil
            }
            return value.map { LatencyDistribution.Point(percent: percent, nanoseconds: $0) }
        }
        return LatencyDistribution(count: count(rounds), meanNanoseconds: mean(rounds), points: points)
    }

    private static func count(_ rounds: [LatencyHistogram]) -> Int { rounds.map(\.count).sumSaturated() }

    private static func mean(_ rounds: [LatencyHistogram]) -> Double {
        let total = count(rounds)
        return total == 0 ? 0 : rounds.reduce(0) { $0 + $1.meanNanoseconds * Double($1.count) } / Double(total)
    }
}

internal import ApplianceModel
internal import Basics
package import Reports

/// SplitMix64 (Steele, Lea and Flood 2014): the same seed gives the same numbers on every machine, so that a report can be recomputed from its
/// rounds.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Statistics of few, noisy rounds.
package enum Statistics {
    /// With fewer rounds, an interval would have no meaning.
    package static let fewestRounds = 5

    /// The middle value, or the mean of the two middle ones; nil if there are no values.
    package static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    /// The median with a 95 % interval by the percentile bootstrap (Efron 1979).
    /// - Returns: nil below `fewestRounds` values.
    package static func medianEstimate(_ values: [Double], resamples: Int = 9_999, seed: UInt64 = 1) -> Estimate? {
        guard values.count >= fewestRounds, let value = median(values) else { return nil }
        var generator = SeededGenerator(seed: seed)
        var medians: [Double] = []
        medians.reserveCapacity(resamples)
        for _ in 0..<resamples {
            let sample = values.indices.map { _ in values[Int.random(in: values.indices, using: &generator)] }
            if let median = median(sample) { medians.append(median) }
        }
        medians.sort()
        func quantile(_ share: Double) -> Double { medians[max(0, min(medians.count - 1, Int(saturating: (share * Double(medians.count + 1)).rounded()) - 1))] }
        return Estimate(value: value, low: quantile(0.025), high: quantile(0.975))
    }

    /// How far apart the medians of the first and the second half of the rounds are: 0.25 if one is a quarter above the other. With an odd number of
    /// rounds, the middle one belongs to neither half.
    /// - Returns: nil for fewer than two values.
    package static func drift(_ values: [Double]) -> Double? {
        let half = values.count / 2
        guard let first = median(Array(values.prefix(half))), let second = median(Array(values.suffix(half))), min(first, second) > 0 else { return nil }
        return max(first, second) / min(first, second) - 1
    }
}

import Reports
import Testing

@testable import Probes

@Suite("Statistics of few rounds")
struct StatisticsTests {
    @Test("The generator gives the published numbers of SplitMix64")
    func generator() {
        // The first outputs for the seed 1234567, as Vigna's reference program prints them.
        var generator = SeededGenerator(seed: 1_234_567)
        #expect((0..<3).map { _ in generator.next() } == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
    }

    @Test("The median is the middle value, or the mean of the two", arguments: [([], nil), ([3], 3), ([3, 1], 2), ([9, 1, 5], 5)] as [([Double], Double?)])
    func median(values: [Double], expected: Double?) { #expect(Statistics.median(values) == expected) }

    @Test("An estimate holds the median in its interval, is the same every time, and widens with the noise")
    func estimate() throws {
        let quiet = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.01, 0.99]
        let noisy = [1.0, 2.0, 0.5, 3.0, 0.3, 1.0, 1.5, 0.7]
        let first = try #require(Statistics.medianEstimate(quiet))
        #expect(first == Statistics.medianEstimate(quiet))
        #expect(first.low <= first.value && first.value <= first.high)
        let second = try #require(Statistics.medianEstimate(noisy))
        #expect(second.high - second.low > first.high - first.low)
        #expect(second.low >= 0.3 && second.high <= 3)
        #expect(Statistics.medianEstimate([1, 1, 1, 1]) == nil)
        #expect(Statistics.medianEstimate([2, 2, 2, 2, 2]) == Estimate(value: 2, low: 2, high: 2))
    }

    @Test("The interval holds the truth in about 95 of 100 repetitions")
    func coverage() {
        var generator = SeededGenerator(seed: 7)
        let held = (0..<200).count { repetition in
            let values = (0..<12).map { _ in 1 + Double.random(in: -0.5...0.5, using: &generator) }
            guard let estimate = Statistics.medianEstimate(values, resamples: 299, seed: UInt64(repetition)) else { return false }
            return estimate.low <= 1 && 1 <= estimate.high
        }
        #expect((180...200).contains(held))
    }

    @Test(
        "The halves of the rounds are held against each other without the middle one",
        arguments: [([100, 100, 125, 125], 0.25), ([100, 999, 100], 0), ([200, 100], 1), ([1], nil), ([], nil), ([0, 1], nil)] as [([Double], Double?)])
    func drift(values: [Double], expected: Double?) { #expect(Statistics.drift(values) == expected) }
}

internal import Glibc

/// A logarithmic axis that holds all of some values, none of which it puts at its very beginning.
struct LogScale {
    let low: Double
    let high: Double

    init(_ values: [Double]) {
        let usable = values.filter { (1e-3..<1e18).contains($0) }
        low = (usable.min() ?? 1) / 2
        high = max((usable.max() ?? 10) * 1.1, low * 4)
    }

    /// Where a value lies between the ends, 0 to 1.
    func share(_ value: Double) -> Double {
        guard value > 0, value.isFinite else { return 0 }
        return min(max((log(value) - log(low)) / (log(high) - log(low)), 0), 1)
    }

    /// The values 1, 2 and 5 times a power of ten that lie within; only the powers where that would be too many.
    var ticks: [Double] {
        var result: [Double] = []
        var decade = 1.0
        while decade <= high {
            for step in [1.0, 2, 5] where (low...high).contains(decade * step) { result.append(decade * step) }
            decade *= 10
        }
        guard result.count > 7 else { return result }
        let powers = result.filter { value in "\(Int64(value))".first == "1" }
        return powers.count >= 2 ? powers : result
    }
}

internal import Glibc

/// A logarithmic axis that covers all given values; both ends are 1, 2 or 5 times a power of ten.
struct LogScale {
    let low: Double
    let high: Double
    /// The labels on the axis: every end and step of 1, 2 and 5, or only the powers of ten if that would be too many.
    let ticks: [Double]

    /// - Parameter values: values that are not positive or have an implausible size are left out.
    init(_ values: [Double]) {
        let usable = values.filter { (1e-3..<1e18).contains($0) }
        let (smallest, largest) = (usable.min() ?? 1, usable.max() ?? 10)
        let steps = (-4...19).flatMap { power in [1.0, 2, 5].map { $0 * pow(10, Double(power)) } }
        // A value at the very bottom of a chart looks like zero.
        let low = steps.last { $0 <= smallest * 0.9 } ?? 1e-4
        let high = steps.first { $0 >= largest && $0 > low } ?? 1e19
        self.low = low
        self.high = high
        let within = steps.filter { (low...high).contains($0) }
        let powers = (-4...19).map { pow(10, Double($0)) }.filter { (low...high).contains($0) }
        ticks = within.count > 8 && powers.count >= 2 ? powers : within
    }

    /// The position of a value between the ends, 0 to 1.
    func share(_ value: Double) -> Double {
        guard value > 0, value.isFinite else { return 0 }
        return min(max((log(value) - log(low)) / (log(high) - log(low)), 0), 1)
    }
}

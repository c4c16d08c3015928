/// Figures as people read them.
enum LatencyText {
    /// `7.1 µs`, `210 µs`, `2.91 ms`, `1.2 s`: three digits at most.
    static func time(_ nanoseconds: Double) -> String {
        for (unit, factor) in [("s", 1e9), ("ms", 1e6), ("µs", 1e3)] where nanoseconds >= factor * 0.9995 {
            return "\(number(nanoseconds / factor)) \(unit)"
        }
        return "\(Int(nanoseconds.rounded())) ns"
    }

    /// Three significant digits, without an exponent.
    static func number(_ value: Double) -> String {
        let digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
        let scale = [1.0, 10.0, 100.0][digits]
        let scaled = Int((value * scale).rounded())
        guard digits > 0 else { return "\(scaled)" }
        let (whole, rest) = scaled.quotientAndRemainder(dividingBy: Int(scale))
        let fraction = "\(rest)"
        return "\(whole)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// `p50 210 µs, p99 1.10 ms, p99.9 (too few operations: 2400)`.
    static func percentiles(_ distribution: LatencyDistribution) -> String {
        [(50.0, "p50"), (99.0, "p99"), (99.9, "p99.9")].map { percent, name in
            guard let value = distribution.nanoseconds(at: percent) else { return "\(name) not known from \(distribution.count) operations" }
            return "\(name) \(time(value))"
        }.joined(separator: ", ")
    }
}

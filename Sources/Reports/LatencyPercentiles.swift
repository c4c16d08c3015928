internal import ApplianceModel

extension LatencyDistribution {
    /// `p50 210 µs, p99 1.10 ms, p99.9 not known from 2400 operations`.
    package var percentilesText: String {
        [(50.0, "p50"), (99.0, "p99"), (99.9, "p99.9")].map { percent, name in
            guard let value = nanoseconds(at: percent) else { return "\(name) not known from \(count) operations" }
            return "\(name) \(MetricUnit.nanoseconds.text(value))"
        }.joined(separator: ", ")
    }
}

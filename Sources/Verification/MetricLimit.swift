/// A bound that the user sets for a figure: `disk.write-latency.p99=5ms`.
package struct MetricLimit: Codable, Sendable, Equatable {
    /// The id of the metric.
    package let metric: String
    /// In the metric's unit.
    package let value: Double

    package init(metric: String, value: Double) {
        self.metric = metric
        self.value = value
    }
}

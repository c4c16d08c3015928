internal import Basics
internal import Quoting

/// A limit that the user sets for a figure: `disk.write-latency.p99=5ms`. If less is better, it is the maximum, otherwise the minimum.
package struct MetricLimit: Codable, Sendable, Equatable {
    /// The id of the metric.
    package let metric: String
    /// In the metric's unit.
    package let value: Double

    package init(metric: String, value: Double) {
        self.metric = metric
        self.value = value
    }

    /// Reads the limit for a metric.
    /// - Throws: `input.invalid` for a metric that no check measures, and for a text that is not a value or has another unit.
    package init(metric: String, text: String) throws {
        guard let known = MetricCatalogue.entry(metric) else {
            throw Failure(
                .invalidInput,
                "no check measures \(SpecRules.shown(metric))\(Suggestion.text(for: metric, among: MetricCatalogue.names))",
                remedy: "docs/verification.md lists what is measured")
        }
        guard let (value, unit) = MetricUnit.parse(text), unit ?? known.unit == known.unit, unit != nil || known.unit.takesPlainNumber else {
            throw Failure(.invalidInput, "\(SpecRules.shown(text)) is no limit of '\(metric)'; write \(known.unit.examples)")
        }
        self.init(metric: metric, value: value)
    }

    /// Reads `METRIC=VALUE`.
    /// - Throws: `input.invalid`.
    package init(_ text: String) throws {
        let parts = text.split(at: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw Failure(.invalidInput, "\(SpecRules.shown(text)) is no limit; write METRIC=VALUE, such as disk.write-latency.p99=5ms")
        }
        try self.init(metric: String(parts[0]), text: String(parts[1]))
    }
}

extension MetricUnit {
    /// For a time or a rate, a number without a unit is ambiguous.
    fileprivate var takesPlainNumber: Bool { self == .ratio || self == .count }
}

internal import Basics
internal import Quoting

/// A bound that the user sets for a figure: `disk.write-latency.p99=5ms`. Where less is better it is the most, else the least.
package struct MetricLimit: Codable, Sendable, Equatable {
    /// The id of the metric.
    package let metric: String
    /// In the metric's unit.
    package let value: Double

    package init(metric: String, value: Double) {
        self.metric = metric
        self.value = value
    }

    /// Reads the bound of a metric.
    /// - Throws: `input.invalid` for a metric that no check measures, and for a value that is none or has another unit.
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
    /// A time or a rate without a unit could mean anything.
    fileprivate var takesPlainNumber: Bool { self == .ratio || self == .count }
}

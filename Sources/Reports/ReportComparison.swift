package import ApplianceModel

/// One figure in two reports.
package struct MetricChange: Codable, Sendable, Equatable {
    package let id: String
    package let unit: MetricUnit
    package let better: Metric.Better
    package let before: Double
    package let after: Double
    /// The later figure divided by the earlier one; nil if the earlier one is zero.
    package let ratio: Double?

    /// How many times worse a figure must be to cause a warning: figures of one machine vary by up to this factor.
    package static let margin = 1.5

    init(_ before: Metric, _ after: Metric) {
        id = after.id
        unit = after.unit
        better = after.better
        self.before = before.value
        self.after = after.value
        ratio = before.value == 0 ? nil : after.value / before.value
    }

    /// How many times worse the later figure is; below 1 if it is better, infinite if one of them is zero and the other is better.
    package var worsening: Double {
        let (good, bad) = better == .lower ? (before, after) : (after, before)
        return good == bad ? 1 : good == 0 ? .infinity : bad / good
    }

    /// The figures that both have in the same unit, the greatest change first.
    package static func between(_ before: [Metric], _ after: [Metric]) -> [MetricChange] {
        let old = Dictionary(before.map { ($0.id, $0) }) { _, last in last }
        let new = Dictionary(after.map { ($0.id, $0) }) { _, last in last }
        return new.values.compactMap { metric in
            old[metric.id].flatMap { $0.unit == metric.unit ? MetricChange($0, metric) : nil }
        }.sorted { ($0.extent, $1.id) > ($1.extent, $0.id) }
    }

    private var extent: Double { max(worsening, 1 / worsening) }
}

/// The differences between two reports of one appliance. Its JSON keys are API.
package struct ReportComparison: Codable, Sendable, Equatable {
    /// A check whose level changed, or that only one of the reports has.
    package struct LevelChange: Codable, Sendable, Equatable {
        package let check: String
        /// Nil if the earlier report does not have the check.
        package let before: Finding.Level?
        /// Nil if the later report does not have it.
        package let after: Finding.Level?
        /// The most recent measurement.
        package let measured: String
    }

    /// The times of the two reports.
    package let before: String
    package let after: String
    /// Why the figures of the two are not comparable.
    package let cautions: [String]
    /// In the order of the later report.
    package let findings: [LevelChange]
    /// Every figure that both have, the greatest change first.
    package let metrics: [MetricChange]

    package init(_ before: Report, _ after: Report) {
        self.before = before.time
        self.after = after.time
        var cautions: [String] = []
        if before.appliance != after.appliance { cautions.append("they are of two appliances, '\(before.appliance)' and '\(after.appliance)'") }
        if before.accelerator != after.accelerator {
            cautions.append("one was measured under \(before.accelerator.rawValue.uppercased()), the other under \(after.accelerator.rawValue.uppercased())")
        }
        if before.depth != after.depth { cautions.append("one was \(before.depth.rawValue), the other \(after.depth.rawValue)") }
        self.cautions = cautions
        findings = Self.changes(before.findings, after.findings)
        metrics = MetricChange.between(before.measurements.metrics, after.measurements.metrics)
    }

    /// The level of a check with several findings is that of its worst finding.
    private static func changes(_ before: [Finding], _ after: [Finding]) -> [LevelChange] {
        func worst(_ findings: [Finding]) -> [String: Finding] {
            Dictionary(findings.map { ($0.check, $0) }) { first, second in second.level > first.level ? second : first }
        }
        let (old, new) = (worst(before), worst(after))
        var seen: Set<String> = []
        return (after + before).compactMap { finding in
            guard seen.insert(finding.check).inserted, old[finding.check]?.level != new[finding.check]?.level else { return nil }
            return LevelChange(
                check: finding.check, before: old[finding.check]?.level, after: new[finding.check]?.level,
                measured: new[finding.check]?.measured ?? "no longer checked")
        }
    }
}

internal import ApplianceModel

/// Latencies and metrics, in the form that the template shows.
enum HTMLFigures {
    static func values(_ report: Report, _ history: [Report]) -> [String: Any] {
        let latencies = report.measurements.latencies
        // Figures measured with another accelerator cannot be compared.
        let past = history.filter { $0.accelerator == report.accelerator }.map(\.measurements.metrics)
        let metrics = report.measurements.metrics
        return [
            "hasLatencies": !latencies.isEmpty, "latencies": latencies.map(latency), "hasMetrics": !metrics.isEmpty,
            "metrics": metrics.map { metric($0, past: past) },
        ]
    }

    private static func latency(_ latency: LatencyComparison) -> [String: Any] {
        let unit = MetricUnit.ratio
        let sides = LatencyChart.sides(latency)
        let percents = LatencyText.percents(latency)
        return [
            "work": latency.work, "check": latency.check, "hasRatio": latency.ratio != nil && latency.inconclusive == nil,
            "ratio": latency.ratio.map { unit.text($0.value) } ?? "",
            "ratioLow": latency.ratio.map { unit.text($0.low) } ?? "", "ratioHigh": latency.ratio.map { unit.text($0.high) } ?? "",
            "isInconclusive": latency.inconclusive != nil, "inconclusive": latency.inconclusive ?? "",
            "charts": [LatencyChart.wide, .narrow].map { $0.values(latency) },
            "percents": percents.map { ["percent": LatencyText.name(of: $0)] },
            "sides": sides.map { side in
                [
                    "side": side.name,
                    "values": percents.map { ["value": side.distribution.nanoseconds(at: $0).map(MetricUnit.nanoseconds.text) ?? "–"] },
                ] as [String: Any]
            },
            "basis": LatencyText.basis(latency),
        ]
    }

    private static func metric(_ metric: Metric, past: [[Metric]]) -> [String: Any] {
        let former = past.compactMap { metrics in metrics.last { $0.id == metric.id && $0.unit == metric.unit } }
        let change = former.last.map { MetricChange($0, metric) }
        let trend = Sparkline((former + [metric]).map(\.value).suffix(24))
        return [
            "id": metric.id, "hasTitle": MetricCatalogue.entry(metric.id) != nil, "title": MetricCatalogue.entry(metric.id)?.title ?? "",
            "now": metric.unit.text(metric.value),
            "before": former.last.map { metric.unit.text($0.value) } ?? "–", "change": change.map(words) ?? "first", "opinion": change.map(opinion) ?? "soft",
            "hasTrend": former.count > 0, "trend": trend.points, "lastX": trend.last.x, "lastY": trend.last.y,
            "trendLabel": "\(former.count + 1) runs, from \(metric.unit.text(trend.low)) to \(metric.unit.text(trend.high))",
        ]
    }

    private static func words(_ change: MetricChange) -> String {
        guard let ratio = change.ratio else { return change.after == 0 ? "same" : "was 0" }
        if (0.98...1.02).contains(ratio) { return "same" }
        return MetricUnit.ratio.text(ratio)
    }

    private static func opinion(_ change: MetricChange) -> String {
        change.worsening > MetricChange.margin ? "worse" : 1 / change.worsening > MetricChange.margin ? "better" : "soft"
    }
}

internal import ApplianceModel
internal import Quoting
internal import Reports

/// Checks figures against the limits that the user set; one finding for each limit.
enum LimitChecks {
    static func findings(_ options: VerificationOptions, _ measurements: Measurements) -> [Finding] {
        options.limits.map { limit in finding(limit, measurements.metrics.last { $0.id == limit.metric }, options) }
    }

    /// `limit.` and the metric, in the form of an id.
    static func id(_ metric: String) -> String { "limit." + metric.replacing(".", by: "-") }

    private static func finding(_ limit: MetricLimit, _ metric: Metric?, _ options: VerificationOptions) -> Finding {
        guard let metric else { return unmeasured(limit, options) }
        let holds = metric.better == .lower ? metric.value <= limit.value : metric.value >= limit.value
        let bound = metric.unit.text(limit.value)
        return Finding(
            check: id(limit.metric), level: holds ? .pass : .fail, measured: "\(limit.metric) is \(metric.unit.text(metric.value))",
            expected: metric.better == .lower ? "at most \(bound)" : "at least \(bound)",
            remedy: holds ? nil : "find what has changed with 'pgkvm report NAME --compare previous latest', or set another limit")
    }

    /// A limit without a figure counts as not kept: if its group was to be measured, this is a failure.
    private static func unmeasured(_ limit: MetricLimit, _ options: VerificationOptions) -> Finding {
        let group = limit.metric.split(at: ".").first.flatMap { GroupName(rawValue: String($0)) }
        let unit = MetricCatalogue.entry(limit.metric)?.unit
        let wasLeftOut = options.depth == .quick || group.map { !options.groups.contains($0) } ?? false
        return Finding(
            check: id(limit.metric), level: wasLeftOut ? .skip : .fail, measured: "\(limit.metric) was not measured",
            expected: "a figure within \(unit?.text(limit.value) ?? "the limit")",
            remedy: wasLeftOut
                ? "\(options.depth == .quick ? "--quick measures no speed" : "its group was left out"): run 'pgkvm verify' with it"
                : "the finding of its check says why there is no figure")
    }
}

internal import ApplianceModel
internal import Quoting
internal import Reports

/// Checks figures against those of a former report.
enum BaselineChecks {
    static func findings(_ options: VerificationOptions, _ measurements: Measurements, _ accelerator: Accelerator) -> [Finding] {
        guard let baseline = options.baseline else { return [] }
        let expected = "no figure worse than \(MetricUnit.ratio.text(MetricChange.margin)) that of \(baseline.time)"
        guard baseline.accelerator == accelerator else {
            return [
                skipped(
                    "the baseline was measured under \(baseline.accelerator.rawValue.uppercased()), this under \(accelerator.rawValue.uppercased())",
                    expected, "take a baseline under the same accelerator")
            ]
        }
        let changes = MetricChange.between(baseline.measurements.metrics, measurements.metrics)
        let wanted = baseline.measurements.metrics.map(\.id).filter { id in
            // Figures that were left out on purpose do not count as missing.
            id.split(at: ".").first.flatMap { GroupName(rawValue: String($0)) }.map(options.groups.contains) ?? true
        }
        let missing = Set(wanted).subtracting(changes.map(\.id)).sorted()
        guard !changes.isEmpty else {
            return [skipped("no figure was measured both now and then", expected, "measure both with the same options, without --quick")]
        }
        let worse = changes.filter { $0.worsening > MetricChange.margin }
        let absent = missing.isEmpty ? "" : "; not measured now: \(missing.joined(separator: ", "))"
        let summary = Finding(
            check: "baseline.figures", level: worse.isEmpty && missing.isEmpty ? .pass : .warn,
            measured: "\(changes.count) compared, \(worse.count) worse\(absent)", expected: expected,
            remedy: worse.isEmpty ? missing.isEmpty ? nil : "measure with the options of the baseline" : "each is a finding of its own")
        return [summary] + worse.map { change in finding(change, baseline.time) }
    }

    private static func finding(_ change: MetricChange, _ time: String) -> Finding {
        let factor = change.worsening.isFinite ? "\(MetricUnit.ratio.text(change.worsening)) worse" : "worse beyond any factor"
        return Finding(
            check: "baseline." + change.id.replacing(".", by: "-"), level: .warn,
            measured: "\(change.id) is \(change.unit.text(change.after)), it was \(change.unit.text(change.before)): \(factor)",
            expected: "at most \(MetricUnit.ratio.text(MetricChange.margin)) worse than at \(time)",
            remedy: "measure again, since a busy host looks like this too; then look for what has changed")
    }

    private static func skipped(_ measured: String, _ expected: String, _ remedy: String) -> Finding {
        Finding(check: "baseline.figures", level: .skip, measured: measured, expected: expected, remedy: remedy)
    }
}

internal import ApplianceModel
internal import Basics
internal import Terminal

/// The percentiles of host and guest, one below the other, each with a bar on a common logarithmic scale.
enum LatencyText {
    private static let barWidth = 24

    static func render(_ latency: LatencyComparison, _ style: TextStyle) -> String {
        var lines = [style.bold("Latency: \(TextStyle.shown(latency.work))")]
        let sides = [("host", latency.host), ("guest", latency.guest)].compactMap { name, side in side.map { (name: name, side: $0) } }
        let scale = LogScale(sides.flatMap { $0.side.points.map(\.nanoseconds) })
        let percents = percents(latency)
        for percent in percents {
            for (index, (name, side)) in sides.enumerated() {
                guard let value = side.nanoseconds(at: percent) else { continue }
                let bar = style.hasBlocks ? BlockBar.render(scale.share(value), width: barWidth) + "  " : ""
                let head = index == 0 || sides.first?.side.nanoseconds(at: percent) == nil ? Self.name(of: percent) : ""
                lines.append("  \(head.padded(to: 7)) \(name.padded(to: 5))  \(bar)\(MetricUnit.nanoseconds.text(value).paddedLeft(to: 9))")
            }
        }
        lines.append("  " + summary(latency))
        if let reason = latency.inconclusive { lines.append("  INCONCLUSIVE: " + style.wrapped(TextStyle.shown(reason), indent: 16)) }
        return lines.joined(separator: "\n")
    }

    /// The percentiles that a table shows: all if there are few, the usual ones if there are many.
    static func percents(_ latency: LatencyComparison) -> [Double] {
        let all = Set([latency.host, latency.guest].compactMap(\.self).flatMap { $0.points.map(\.percent) }).sorted()
        return all.count <= 6 ? all : all.filter { [50, 90, 99, 99.9, 99.99].contains($0) }
    }

    static func name(of percent: Double) -> String { percent == percent.rounded() ? "p\(Int(saturating: percent))" : "p\(percent)" }

    /// How guest and host compare, and on which data the comparison is based.
    private static func summary(_ latency: LatencyComparison) -> String {
        guard let ratio = latency.ratio, latency.inconclusive == nil else { return basis(latency) }
        let unit = MetricUnit.ratio
        return "the guest takes \(unit.text(ratio.value)) the host's time (95 %: \(unit.text(ratio.low)) to \(unit.text(ratio.high))); \(basis(latency))"
    }

    /// The data on which the comparison is based.
    static func basis(_ latency: LatencyComparison) -> String {
        let rounds = latency.rounds == 1 ? "1 round" : "\(latency.rounds) interleaved rounds"
        let host = latency.host.map { "\($0.count) operations on the host and " } ?? ""
        return "\(rounds), \(host)\(latency.guest.count) \(latency.host == nil ? "operations " : "")in the guest"
    }
}

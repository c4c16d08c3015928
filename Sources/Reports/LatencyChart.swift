internal import ApplianceModel
internal import Glibc

/// The percentile curves of host and guest: percentiles by their nines to the right, latency upward on a logarithmic axis.
struct LatencyChart {
    let size: String
    let width: Double
    var height: Double

    static let wide = LatencyChart(size: "wide", width: 860, height: 320)
    /// For screens on which the text of the wide chart would be too small to read.
    static let narrow = LatencyChart(size: "narrow", width: 340, height: 270)

    private static let lowHeight = 200.0
    private var left: Double { 56 }
    private var right: Double { width - 50 }
    private let top = 14.0
    private var bottom: Double { height - 30 }

    static func sides(_ latency: LatencyComparison) -> [(name: String, distribution: LatencyDistribution)] {
        [("host", latency.host), ("guest", latency.guest)].compactMap { name, side in side.map { (name, $0) } }
    }

    func values(_ latency: LatencyComparison) -> [String: Any] {
        // One curve needs less room than two curves and the area between them.
        if latency.host == nil, height > Self.lowHeight { return LatencyChart(size: size, width: width, height: Self.lowHeight).values(latency) }
        let sides = Self.sides(latency)
        let scale = LogScale(sides.flatMap { $0.distribution.points.map(\.nanoseconds) })
        let nines = sides.flatMap { $0.distribution.points.map { Self.nines($0.percent) } }
        let (first, last) = (nines.min() ?? 0, max(nines.max() ?? 1, (nines.min() ?? 0) + 0.1))
        func x(_ percent: Double) -> Double { left + 10 + (Self.nines(percent) - first) / (last - first) * (right - left - 16) }
        func y(_ nanoseconds: Double) -> Double { bottom - scale.share(nanoseconds) * (bottom - top) }

        let curves = sides.map { side in side.distribution.points.map { (x: x($0.percent), y: y($0.nanoseconds), point: $0) } }
        /// The part of a curve at the percentiles that the other curve has too.
        func between(_ curve: [(x: Double, y: Double, point: LatencyDistribution.Point)], _ other: [(x: Double, y: Double, point: LatencyDistribution.Point)])
            -> [(Double, Double)]
        {
            curve.filter { dot in other.contains { $0.point.percent == dot.point.percent } }.map { ($0.x, $0.y) }
        }
        let labels = Self.apart(curves.map { $0.last?.y ?? bottom })
        let ticks = [50.0, 90, 99, 99.9, 99.99].filter { (first - 0.01...last + 0.01).contains(Self.nines($0)) }
        let label = sides.map { side in
            "\(side.name): "
                + side.distribution.points.map { "\(LatencyText.name(of: $0.percent)) \(MetricUnit.nanoseconds.text($0.nanoseconds))" }
                .joined(separator: ", ")
        }.joined(separator: "; ")
        return [
            "size": size, "width": number(width), "height": number(height), "left": number(left), "right": number(right), "top": number(top),
            "bottom": number(bottom), "label": "\(latency.work), by percentile. \(label)",
            "rows": scale.ticks.map { tick in
                ["y": number(y(tick)), "textX": number(left - 8), "textY": number(y(tick) + 4), "text": MetricUnit.nanoseconds.text(tick)]
            },
            "columns": ticks.map { ["x": number(x($0)), "textY": number(bottom + 20), "text": LatencyText.name(of: $0)] },
            "hasTax": curves.count == 2, "tax": curves.count == 2 ? area(between(curves[0], curves[1]), between(curves[1], curves[0])) : "",
            "curves": zip(sides, zip(curves, labels)).map { side, drawn in
                [
                    "side": side.name, "path": path(drawn.0.map { ($0.x, $0.y) }), "labelX": number((drawn.0.last?.x ?? right) + 9),
                    "labelY": number(drawn.1 + 4),
                    "dots": drawn.0.map { dot in
                        [
                            "x": number(dot.x), "y": number(dot.y),
                            "title": "\(side.name) \(LatencyText.name(of: dot.point.percent)): \(MetricUnit.nanoseconds.text(dot.point.nanoseconds))",
                        ]
                    },
                ] as [String: Any]
            },
        ]
    }

    /// How many nines a percentile has: 90 has one, 99.9 three. The axis ends at four and a half nines, so there is no room for the last hundredth of
    /// a percent beyond.
    private static func nines(_ percent: Double) -> Double { min(-log10(max(1 - percent / 100, 1e-12)), 4.5) }

    /// Moves overlapping labels apart.
    private static func apart(_ places: [Double]) -> [Double] {
        guard places.count == 2, abs(places[0] - places[1]) < 16 else { return places }
        let middle = (places[0] + places[1]) / 2
        return places[0] <= places[1] ? [middle - 8, middle + 8] : [middle + 8, middle - 8]
    }

    private func path(_ points: [(Double, Double)]) -> String {
        points.enumerated().map { "\($0.offset == 0 ? "M" : "L")\(number($0.element.0)) \(number($0.element.1))" }.joined()
    }

    private func area(_ one: [(Double, Double)], _ other: [(Double, Double)]) -> String {
        one.isEmpty || other.isEmpty ? "" : path(one + other.reversed()) + "Z"
    }

    private func number(_ value: Double) -> String { MetricUnit.fixed(value, 1) }
}

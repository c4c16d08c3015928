internal import ApplianceModel

/// A figure from run to run, as a line of 110 by 26 units.
struct Sparkline {
    /// For an SVG polyline.
    let points: String
    let last: (x: String, y: String)
    let low: Double
    let high: Double

    init(_ values: some Collection<Double>) {
        let values = Array(values)
        low = values.min() ?? 0
        high = values.max() ?? 0
        let (bottom, range) = (low, high - low)
        let step = 104 / Double(max(values.count - 1, 1))
        let places = values.enumerated().map { index, value in
            // A constant value is drawn in the middle.
            let share = range > 0 && range.isFinite ? (value - bottom) / range : 0.5
            return (x: MetricUnit.fixed(3 + Double(index) * step, 1), y: MetricUnit.fixed(22 - share * 18, 1))
        }
        points = places.map { "\($0.x),\($0.y)" }.joined(separator: " ")
        last = places.last ?? (x: "0", y: "0")
    }
}

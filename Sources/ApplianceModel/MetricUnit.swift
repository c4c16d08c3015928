internal import Basics

/// The units of a verification's figures.
package enum MetricUnit: String, Codable, Sendable, CaseIterable {
    case nanoseconds, bytesPerSecond, transactionsPerSecond, ratio, count

    /// Examples of a limit in this unit, for messages.
    package var examples: String {
        switch self {
        case .nanoseconds: "250us, 5ms or 1s"
        case .bytesPerSecond: "200MB/s, 190MiB/s or 10Gbit/s"
        case .transactionsPerSecond: "500tps"
        case .ratio: "1.5x or 1.5"
        case .count: "3"
        }
    }

    /// The accepted spellings of units, in lower case, each with its factor to the unit of the figure; nil for a figure without a unit.
    private static let written: [String: (unit: MetricUnit?, factor: Double)] = [
        "": (nil, 1), "x": (.ratio, 1), "tps": (.transactionsPerSecond, 1),
        "ns": (.nanoseconds, 1), "us": (.nanoseconds, 1e3), "µs": (.nanoseconds, 1e3), "μs": (.nanoseconds, 1e3), "ms": (.nanoseconds, 1e6),
        "s": (.nanoseconds, 1e9),
        "b/s": (.bytesPerSecond, 1), "kb/s": (.bytesPerSecond, 1e3), "mb/s": (.bytesPerSecond, 1e6), "gb/s": (.bytesPerSecond, 1e9),
        "kib/s": (.bytesPerSecond, 1024), "mib/s": (.bytesPerSecond, 1_048_576), "gib/s": (.bytesPerSecond, 1_073_741_824),
        "mbit/s": (.bytesPerSecond, 1e6 / 8), "gbit/s": (.bytesPerSecond, 1e9 / 8),
    ]

    /// Reads a figure that is not negative, with or without a unit: `5ms`, `93.5 MB/s`, `500tps`, `1.5x`, `3`.
    /// - Returns: the value in the unit's own measure; the unit is nil for a plain number. Nil for anything else.
    package static func parse(_ text: String) -> (value: Double, unit: MetricUnit?)? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let first = digits.first, first != ".", digits.last != ".", let number = Double(digits) else { return nil }
        guard let (unit, factor) = written[text.dropFirst(digits.count).drop { $0 == " " }.lowercased()] else { return nil }
        let value = number * factor
        return value.isFinite ? (value, unit) : nil
    }

    /// A figure for people: three digits and a suitable unit, such as `84.0 µs`, `1.23 ms`, `93.5 MB/s`, `1.21x`.
    package func text(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        switch self {
        case .nanoseconds: return Self.scaled(value, [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns")])
        case .bytesPerSecond: return Self.scaled(value, [(1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1, "B/s")])
        case .transactionsPerSecond: return "\(Self.digits(value)) tps"
        case .ratio: return "\(Self.fixed(value, value < 10 ? 2 : 1))x"
        case .count: return Self.digits(value)
        }
    }

    private static func scaled(_ value: Double, _ units: [(factor: Double, name: String)]) -> String {
        let fitting = units.first { value.magnitude >= $0.factor * 0.9995 } ?? units[units.count - 1]
        return "\(digits(value / fitting.factor)) \(fitting.name)"
    }

    /// Three digits; whole numbers of any size are unchanged.
    private static func digits(_ value: Double) -> String {
        if value == value.rounded() && value.magnitude < 1e15 { return String(Int64(saturating: value)) }
        return fixed(value, value.magnitude < 10 ? 2 : value.magnitude < 100 ? 1 : 0)
    }

    /// A number with this many decimals, 0 to 3.
    package static func fixed(_ value: Double, _ decimals: Int) -> String {
        let factor = [1.0, 10, 100, 1000][min(max(decimals, 0), 3)]
        let scaled = (value * factor).rounded()
        guard scaled.magnitude < 1e15 else { return "\(value)" }
        let whole = Int64(saturating: scaled.magnitude)
        let sign = scaled < 0 ? "-" : ""
        guard decimals > 0 else { return "\(sign)\(whole)" }
        let rest = String(whole % Int64(saturating: factor))
        return "\(sign)\(whole / Int64(saturating: factor))." + String(repeating: "0", count: decimals - rest.count) + rest
    }
}

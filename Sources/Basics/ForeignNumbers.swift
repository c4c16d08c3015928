/// Arithmetic with numbers from a guest, a file or a server: a result that does not fit is limited to the bound of its type. The usual operators
/// would end the program, and the wrapping ones would turn a large number into a small one.
extension FixedWidthInteger {
    /// The number without its fraction. A value that does not fit becomes the nearest bound; NaN becomes 0.
    package init(saturating value: Double) {
        self = Self(exactly: value.rounded(.towardZero)) ?? (value > 0 ? .max : value < 0 ? .min : 0)
    }

    /// The sum, or the bound that it exceeds.
    package func addingSaturated(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the bound that it exceeds.
    package func subtractingSaturated(_ other: Self) -> Self {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    /// The product, or the bound that it exceeds.
    package func multipliedSaturated(by other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
    }
}

extension Sequence where Element: FixedWidthInteger {
    /// The sum of all elements, or the bound that it exceeds.
    package func sumSaturated() -> Element { reduce(0) { $0.addingSaturated($1) } }
}

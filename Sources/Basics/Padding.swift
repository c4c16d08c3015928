extension String {
    /// The text followed by spaces, up to a width in characters; a longer text is unchanged.
    package func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    /// The text preceded by spaces, up to a width in characters; a longer text is unchanged.
    package func paddedLeft(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}

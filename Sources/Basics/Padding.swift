extension String {
    /// The text with blanks after it, up to a width in characters; a longer text stays as it is.
    package func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    /// The text with blanks before it, up to a width in characters; a longer text stays as it is.
    package func paddedLeft(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}

/// Inspects text byte by byte, as all other readers do, but Swift's own comparisons do not. For them, a colon followed by a combining mark is another
/// `Character` than a colon, so `split(separator: ":")` and `hasPrefix(":")` do not find it.
extension StringProtocol {
    /// The parts between the separators.
    /// - Parameter separator: an ASCII character.
    package func split(at separator: Unicode.Scalar, maxSplits: Int = .max, omittingEmptySubsequences: Bool = true) -> [SubSequence] {
        guard separator.isASCII else { return [self[...]] }
        return utf8.split(separator: UInt8(separator.value), maxSplits: maxSplits, omittingEmptySubsequences: omittingEmptySubsequences).map {
            self[$0.startIndex..<$0.endIndex]
        }
    }

    package func begins(with prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

    package func ends(with suffix: String) -> Bool { utf8.reversed().starts(with: suffix.utf8.reversed()) }

    /// Whether the scalar is anywhere in the text, whatever follows it.
    package func holds(_ scalar: Unicode.Scalar) -> Bool { unicodeScalars.contains(scalar) }

    /// The text with each occurrence of a scalar replaced.
    package func replacing(_ scalar: Unicode.Scalar, by replacement: String) -> String { String(self).mapped { $0 == scalar ? replacement : nil } }
}

/// Looking into text byte by byte: what every reader of it does, but Swift's own comparisons do not. To them a colon with a combining mark behind it is
/// another `Character` than a colon, so that `split(separator: ":")` and `hasPrefix(":")` pass over it.
extension StringProtocol {
    /// The parts between the separators.
    /// - Parameter separator: of ASCII.
    package func split(at separator: Unicode.Scalar, maxSplits: Int = .max, omittingEmptySubsequences: Bool = true) -> [SubSequence] {
        guard separator.isASCII else { return [self[...]] }
        return utf8.split(separator: UInt8(separator.value), maxSplits: maxSplits, omittingEmptySubsequences: omittingEmptySubsequences).map {
            self[$0.startIndex..<$0.endIndex]
        }
    }

    package func begins(with prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

    package func ends(with suffix: String) -> Bool { utf8.reversed().starts(with: suffix.utf8.reversed()) }

    /// Whether the scalar is anywhere in the text, whatever stands behind it.
    package func holds(_ scalar: Unicode.Scalar) -> Bool { unicodeScalars.contains(scalar) }

    /// The text with each occurrence of a scalar replaced.
    package func replacing(_ scalar: Unicode.Scalar, by replacement: String) -> String { String(self).mapped { $0 == scalar ? replacement : nil } }
}

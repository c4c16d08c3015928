/// Finds the known word that a misspelt word was meant to be.
package enum Suggestion {
    /// The nearest of the known words, if it is near enough to be the intended one.
    package static func nearest(to word: String, among known: [String]) -> String? {
        let wanted = Array(word.lowercased())
        // Longer words are not compared: computing the distance takes time in proportion to the product of the lengths.
        guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
        let limit = max(1, min(3, wanted.count / 3))
        var best: (word: String, distance: Int)?
        for word in known {
            let letters = Array(word.lowercased())
            // If the lengths differ by more than the limit, the distance is larger too.
            guard abs(letters.count - wanted.count) <= limit else { continue }
            let distance = distance(wanted, letters)
            if distance <= limit, distance < best?.distance ?? .max { best = (word, distance) }
        }
        return best?.word
    }

    /// `; did you mean 'x'?`, or an empty text.
    package static func text(for word: String, among known: [String]) -> String {
        nearest(to: word, among: known).map { "; did you mean '\($0)'?" } ?? ""
    }

    /// The number of insertions, deletions, replacements and swaps of neighbours between two words.
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var before: [Int] = []
        var previous = Array(0...right.count)
        for (row, letter) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var best = min(previous[column] + (letter == other ? 0 : 1), previous[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other { best = min(best, before[column - 1] + 1) }
                current.append(best)
            }
            (before, previous) = (previous, current)
        }
        return previous[right.count]
    }
}

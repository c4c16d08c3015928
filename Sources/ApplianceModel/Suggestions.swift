internal import Basics

/// Suggestions for the first of many misspelt words: each costs a comparison with every known word.
struct Suggestions {
    private var left = SpecLimits.suggestions

    /// `; did you mean 'x'?`, or nothing.
    mutating func text(for word: String, among known: () -> [String]) -> String {
        guard left > 0 else { return "" }
        left -= 1
        return Suggestion.text(for: word, among: known())
    }
}

internal import ApplianceModel
internal import Quoting

extension GroupName {
    /// Reads `cpu,disk`; the order of the answer is that in which groups run.
    /// - Throws: `input.invalid` for a word that names no group.
    package static func parse(_ text: String) throws -> [GroupName] {
        let words = text.split(at: ",", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
        let known = allCases.map(\.rawValue)
        let chosen = try words.map { word in
            guard let group = GroupName(rawValue: word.lowercased()) else {
                throw Failure(
                    .invalidInput,
                    "there is no group of checks \(SpecRules.shown(word))\(Suggestion.text(for: word, among: known)); there are \(SpecRules.listed(known))")
            }
            return group
        }
        return allCases.filter(chosen.contains)
    }
}

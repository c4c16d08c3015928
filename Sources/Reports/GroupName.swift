internal import ApplianceModel
internal import Basics
internal import Quoting

/// The groups of checks, in the order in which they run; these are the names that `--only` accepts.
package enum GroupName: String, Sendable, Codable, CaseIterable { case host, cpu, guest, network, postgresql, disk, durability }

extension GroupName {
    /// Reads `cpu,disk`; the result is in the order in which groups run.
    /// - Throws: `input.invalid` for a word that is not the name of a group.
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

internal import ApplianceModel
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import SpecFile

/// A stop of a guide: its decisions, and the questions for them.
protocol Stop: Sendable {
    var id: StopID { get }
    var title: String { get }

    func text(_ situation: Situation) -> StopText
    /// The questions in order; an earlier answer may change the later ones.
    func questions(_ situation: Situation) -> [Question]
}

/// The text of a stop.
struct StopText: Equatable {
    let what: String
    let why: String
    /// What was found on this host.
    let found: [String]
    let recommended: String
    /// Each alternative with its cost.
    let alternatives: [String]

    var blocks: [Block] {
        [.paragraph("What", what), .paragraph("Why", why), .list("Found", found), .paragraph("Advice", recommended)]
            + (alternatives.isEmpty ? [] : [.list("Else", alternatives)])
    }
}

/// A question about one value of the spec.
struct Question: Sendable {
    let label: String
    /// The allowed answers, in one line.
    let hint: String
    /// The current answer, which Enter keeps.
    let present: String
    /// The spec with another answer.
    /// - Throws: a failure that says what is wrong with the answer, and what is allowed.
    let apply: @Sendable (String, ApplianceSpec) throws -> ApplianceSpec

    init(_ label: String, hint: String, present: String, apply: @escaping @Sendable (String, ApplianceSpec) throws -> ApplianceSpec) {
        self.label = label
        self.hint = hint
        self.present = present
        self.apply = apply
    }

    /// A question whose answer is the value of a key of the spec file. The table of keys describes it, and the reader of the file checks it.
    /// - Parameters:
    ///   - present: nil if the spec has no value.
    ///   - unset: the word for no value; nil if a value is required.
    init(_ label: String, key: String, present: String?, unset: String? = nil) {
        self.init(label, hint: Self.hint(key, unset), present: present ?? unset ?? "") { text, spec in
            try SpecFile.setting(key, of: spec, to: text == unset ? nil : text)
        }
    }

    private static func hint(_ path: String, _ unset: String?) -> String {
        guard let key = SpecKeys.key(at: path) else { return path }
        let choices = if case .choice(let words) = key.form { ": \(words.joined(separator: ", "))" } else { "" }
        let none = unset.map { "; '\($0)' leaves it open: \(key.standard ?? "")" } ?? ""
        return "\(key.meaning)\(choices)\(none)"
    }
}

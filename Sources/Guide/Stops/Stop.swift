internal import ApplianceModel
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import SpecFile

/// A stop of a guide: what is decided there, and the questions that decide it.
protocol Stop: Sendable {
    var id: StopID { get }
    var title: String { get }

    func text(_ situation: Situation) -> StopText
    /// In their order; an earlier answer may change the later questions.
    func questions(_ situation: Situation) -> [Question]
}

/// What somebody reads at a stop.
struct StopText: Equatable {
    let what: String
    let why: String
    /// On this host.
    let found: [String]
    let recommended: String
    /// Each with what it costs.
    let alternatives: [String]

    var blocks: [Block] {
        [.paragraph("What", what), .paragraph("Why", why), .list("Found", found), .paragraph("Advice", recommended)]
            + (alternatives.isEmpty ? [] : [.list("Else", alternatives)])
    }
}

/// A question about one value of the spec.
struct Question: Sendable {
    let label: String
    /// What may be answered, in one line.
    let hint: String
    /// The answer that stands, which Enter keeps.
    let present: String
    /// The spec with another answer.
    /// - Throws: what is wrong with the answer, and what is allowed.
    let apply: @Sendable (String, ApplianceSpec) throws -> ApplianceSpec

    init(_ label: String, hint: String, present: String, apply: @escaping @Sendable (String, ApplianceSpec) throws -> ApplianceSpec) {
        self.label = label
        self.hint = hint
        self.present = present
        self.apply = apply
    }

    /// A question whose answer is the value of a key of the spec file: the table of keys says what it is, and the reader of the file judges it.
    /// - Parameters:
    ///   - present: nil when the spec has no value.
    ///   - unset: the word for no value; nil when there has to be one.
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

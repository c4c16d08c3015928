internal import ApplianceModel
internal import Quoting

/// A key of the spec file: what the reader, the schema for editors, the help and a change of a deployed appliance know of it.
package struct SpecKey: Sendable {
    /// Where it stands: `machine.systemDisk.size`; `postgresql.roles[].name` within the entries of a list.
    package let path: String
    /// What may stand behind it.
    package let form: SpecForm
    /// What it is, in one line.
    package let meaning: String
    /// What stands for it when it is left out, in words; nil when it is required.
    package let standard: String?
    /// What becomes of an appliance whose spec gets another value.
    package let change: SpecChangeRule
    /// Whether nothing may stand behind the key: it is then as if it were left out.
    let takesNothing: Bool

    init(_ path: String, _ form: SpecForm, _ meaning: String, standard: String?, change: SpecChangeRule, takesNothing: Bool = false) {
        self.path = path
        self.form = form
        self.meaning = meaning
        self.standard = standard
        self.change = change
        self.takesNothing = takesNothing
    }

    /// The last part of the path.
    package var name: String { String(path[(path.unicodeScalars.lastIndex(of: ".").map { path.index(after: $0) } ?? path.startIndex)...]) }

    /// The path of the section or list entry that it stands in; empty at the top.
    var parent: String { path.unicodeScalars.lastIndex(of: ".").map { String(path[..<$0]) } ?? "" }
}

/// What may stand behind a key.
package enum SpecForm: Sendable, Equatable {
    /// Keys of its own.
    case section
    /// A list whose entries are sections.
    case entries
    /// Keys of any name with one value each.
    case words
    /// A list of texts, each of this form.
    case texts(TextForm)
    /// One text of this form.
    case text(TextForm)
    /// One of these words.
    case choice([String])
    /// A whole number of this range.
    case number(ClosedRange<Int>)
    /// A TCP port that an ordinary user may open.
    case port
    /// A number of bytes, with a unit as `ByteSize` reads it.
    case size
    /// `true` or `false`.
    case flag
}

/// The form of a text, as far as a pattern can tell; the rules of `SpecRules` may know more.
package struct TextForm: Sendable, Equatable {
    /// A regular expression as ECMAScript has them; nil takes any text.
    let pattern: String?

    static let any = TextForm(pattern: nil)
}

/// What another value of a key means for an appliance that is there.
package enum SpecChangeRule: Sendable, Equatable {
    /// The server's files, roles and databases are brought in line while everything runs; a setting may need the server's restart.
    case inPlace
    /// As `inPlace`, as long as nothing is taken away: the reason says what would be lost.
    case onlyAdds(String)
    /// As `inPlace` for a larger value; the reason says why there is no smaller one.
    case onlyGrows(String)
    /// The machine is shut down and started.
    case restart
    /// Nothing is made from it.
    case expectation
    /// It stays as it is, for this reason.
    case fixed(String)
    /// The keys below have rules of their own.
    case byItsKeys
}

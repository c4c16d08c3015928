internal import ApplianceModel
internal import Quoting

/// A key of the spec file: what the reader, the schema for editors, the help and a change of a deployed appliance need to know about it.
package struct SpecKey: Sendable {
    /// Its place: `machine.systemDisk.size`; `postgresql.roles[].name` within the entries of a list.
    package let path: String
    /// The allowed form of its value.
    package let form: SpecForm
    /// Its description, in one line.
    package let meaning: String
    /// Its default in words, used if the key is left out; nil if it is required.
    package let standard: String?
    /// What a changed value means for an appliance.
    package let change: SpecChangeRule
    /// Whether the key may have no value, which is the same as leaving it out.
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

    /// The path of the section or list entry that contains it; empty at the top.
    var parent: String { path.unicodeScalars.lastIndex(of: ".").map { String(path[..<$0]) } ?? "" }
}

/// The allowed form of a key's value.
package enum SpecForm: Sendable, Equatable {
    /// A section with its own keys.
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
    /// A whole number in this range.
    case number(ClosedRange<Int>)
    /// A TCP port that an ordinary user may open.
    case port
    /// A number of bytes, with a unit as `ByteSize` reads it.
    case size
    /// `true` or `false`.
    case flag
}

/// The form of a text, as far as a pattern can describe it; the rules of `SpecRules` may be stricter.
package struct TextForm: Sendable, Equatable {
    /// A regular expression in ECMAScript's syntax; nil accepts any text.
    let pattern: String?

    static let any = TextForm(pattern: nil)
}

/// What another value of a key means for an existing appliance.
package enum SpecChangeRule: Sendable, Equatable {
    /// The server's files, roles and databases are updated while everything runs; a setting may need a restart of the server.
    case inPlace
    /// Like `inPlace`, as long as nothing is removed: the reason says what would be lost.
    case onlyAdds(String)
    /// Like `inPlace` for a larger value; the reason says why a smaller one is not possible.
    case onlyGrows(String)
    /// The machine is shut down and started.
    case restart
    /// No part of the appliance is made from it.
    case expectation
    /// The value cannot change, for this reason.
    case fixed(String)
    /// The keys below have their own rules.
    case byItsKeys
}

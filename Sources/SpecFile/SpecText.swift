internal import ApplianceModel
internal import Basics

/// A text of the file that represents a value.
struct SpecText<Value: Sendable>: Sendable {
    let form: TextForm
    /// - Throws: why the text does not represent a value, and what is allowed.
    let parse: @Sendable (String) throws(Refusal) -> Value

    struct Refusal: Error {
        let message: String
    }

    /// Any text represents a value.
    private init(_ form: TextForm, parse: @escaping @Sendable (String) -> Value) {
        self.form = form
        self.parse = parse
    }

    /// - Parameters:
    ///   - parse: returns nil for a text that does not represent a value.
    ///   - refusal: the message about such a text, after the text itself.
    ///   - words: what the user may have meant.
    private init(_ pattern: String, refusal: String, words: [String] = [], parse: @escaping @Sendable (String) -> Value?) {
        form = TextForm(pattern: pattern)
        self.parse = { text throws(Refusal) in
            if let value = parse(text) { return value }
            throw Refusal(message: "\(SpecRules.shown(text)) \(refusal)\(Suggestion.text(for: text, among: words))")
        }
    }
}

extension SpecText<String> {
    static let any = SpecText(.any) { $0 }

    /// - Parameter pattern: for the schema; the rules say what is wrong with other texts.
    static func matching(_ pattern: String) -> SpecText { SpecText(TextForm(pattern: pattern)) { $0 } }

    static let absolutePath = matching("^/")

    /// The name of a node, a storage or a pool of a platform.
    static let platformName = matching("^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
}

extension SpecText<ApplianceName> {
    static let name = SpecText(
        "^(?=.{1,40}$)[a-z](-?[a-z0-9])*$", refusal: "is not a name for an appliance; allowed are \(ApplianceName.rule)", parse: { ApplianceName($0) })
}

extension SpecText<ImageChoice> {
    /// The rules say which names are not valid.
    static let image = SpecText(TextForm(pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")) { ImageChoice($0) }
}

extension SpecText<IPv4Address> {
    static let address = SpecText(
        #"^[0-9]{1,3}(\.[0-9]{1,3}){3}$"#, refusal: "is not an IPv4 address such as 192.168.1.1", parse: { IPv4Address($0) })
}

extension SpecText<IPv4Network> {
    static let network = SpecText(
        #"^[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?$"#,
        refusal: "is not an IPv4 network; allowed are forms such as 10.0.2.0/24, without host bits", parse: { IPv4Network($0) })
}

extension SpecText<ApplianceSpec.Network.Address> {
    static let guest = SpecText(
        #"^(dhcp|static|[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2})$"#,
        refusal: "is no address of a guest; allowed are dhcp, static and forms such as 192.168.1.20/24", words: ["dhcp", "static"],
        parse: { ApplianceSpec.Network.Address($0) })
}

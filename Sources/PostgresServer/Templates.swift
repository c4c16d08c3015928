internal import ApplianceModel
package import Basics
internal import BuiltinTemplates
internal import Mustache

/// The source of templates: compiled in, or replaced by the caller's.
package struct Templates: Sendable {
    private let replacement: @Sendable (String) -> String?

    /// - Parameter replacement: the text that replaces a template of that name (its path inside `templates/`); nil for the one that is compiled in.
    package init(replacement: @escaping @Sendable (String) -> String? = { _ in nil }) { self.replacement = replacement }

    /// Fills in a template.
    /// - Throws: `template.invalid` if there is none of that name or it is not Mustache.
    func render(_ name: String, _ values: [String: Any]) throws -> String {
        guard let text = replacement(name) ?? BuiltinTemplates.text(name) else {
            throw Failure(.templateInvalid, "there is no template '\(name)'")
        }
        do {
            return try MustacheTemplate(string: text).render(values)
        } catch {
            throw Failure(.templateInvalid, "template '\(name)' cannot be read as Mustache", cause: error)
        }
    }
}

extension Failure.Code {
    /// A template is missing or malformed.
    package static let templateInvalid = Failure.Code("template.invalid")
}

internal import Mustache
internal import Quoting

/// How a template that is HTML takes its values.
struct HTMLContent: MustacheContentType {
    /// The name by which the template asks for it.
    static let name = "PGKVM_HTML"

    func escapeText(_ text: String) -> String { HTMLText(text).text }
}

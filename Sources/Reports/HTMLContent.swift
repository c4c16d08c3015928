internal import Mustache
internal import Quoting

/// How an HTML template escapes its values.
struct HTMLContent: MustacheContentType {
    /// The name with which the template selects it.
    static let name = "PGKVM_HTML"

    func escapeText(_ text: String) -> String { HTMLText(text).text }
}

internal import Quoting

/// The abilities of the place where a text is shown.
package struct TextStyle: Sendable, Equatable {
    package var hasColor: Bool
    /// Whether it shows block characters.
    package var hasBlocks: Bool
    /// How many characters fit on a line; nil breaks no lines.
    package var columns: Int?

    package init(hasColor: Bool = false, hasBlocks: Bool = false, columns: Int? = nil) {
        self.hasColor = hasColor
        self.hasBlocks = hasBlocks
        self.columns = columns
    }

    /// For files, pipes and logs.
    package static let plain = TextStyle()

    package func bold(_ text: String) -> String { paint(text, "1") }
    package func dim(_ text: String) -> String { paint(text, "2") }

    /// The text in a colour, if colours can be shown.
    package func colored(_ text: String, _ color: Color) -> String { paint(text, color.rawValue) }

    /// The colours that this program uses, by their numbers in a terminal's sequences.
    package enum Color: String, CaseIterable, Sendable { case green = "32", yellow = "33", cyan = "36", boldRed = "1;31" }

    /// Words wrapped to as many lines as needed. The first line begins at column `indent`, the others are indented to it.
    package func wrapped(_ text: String, indent: Int) -> String {
        guard let columns, columns - indent >= 20 else { return text }
        var lines: [String] = [""]
        var width = 0
        for word in text.split(at: " ", omittingEmptySubsequences: false) {
            if width > 0, width + 1 + word.count > columns - indent {
                lines.append("")
                width = 0
            }
            lines[lines.count - 1] += (width > 0 ? " " : "") + word
            width += word.count + (width > 0 ? 1 : 0)
        }
        return lines.joined(separator: "\n" + String(repeating: " ", count: indent))
    }

    private func paint(_ text: String, _ color: String) -> String { hasColor ? "\u{1b}[\(color)m\(text)\u{1b}[0m" : text }

    /// The sequences that `paint` puts between the escape character and a text; it uses no others.
    static let sequences = (["0", "1", "2"] + Color.allCases.map(\.rawValue)).map { "[\($0)m" }
}

package import ApplianceModel
internal import Quoting

/// What the place can show that a text goes to.
package struct TextStyle: Sendable, Equatable {
    package var hasColor: Bool
    /// Whether it shows block characters.
    package var hasBlocks: Bool
    /// How many characters fit on a line; nil breaks none.
    package var columns: Int?

    package init(hasColor: Bool = false, hasBlocks: Bool = false, columns: Int? = nil) {
        self.hasColor = hasColor
        self.hasBlocks = hasBlocks
        self.columns = columns
    }

    /// For files, pipes and logs.
    package static let plain = TextStyle()

    /// The level as a word, padded to the width of all of them.
    package func word(_ level: Finding.Level) -> String {
        let color =
            switch level {
            case .pass: "32"
            case .skip: "36"
            case .warn: "33"
            case .fail: "1;31"
            }
        return paint(level.rawValue.uppercased(), color)
    }

    package func bold(_ text: String) -> String { paint(text, "1") }
    package func dim(_ text: String) -> String { paint(text, "2") }

    /// A line of words on as many lines as it needs; the first begins at column `indent`, the others are moved there.
    func wrapped(_ text: String, indent: Int) -> String {
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

    /// What `paint` puts between the escape character and a text; it puts no other.
    static let sequences = ["0", "1", "2", "32", "33", "36", "1;31"].map { "[\($0)m" }
}

/// A bar as long as a share of a width, in eighths of a character.
enum BlockBar {
    private static let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]

    /// - Parameter share: 0 to 1; what is not nothing shows at least an eighth.
    static func render(_ share: Double, width: Int) -> String {
        let eighths = min(max(Int(saturating: (share * Double(width * 8)).rounded()), share > 0 ? 1 : 0), width * 8)
        let filled = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
        return filled + String(repeating: " ", count: width - filled.count)
    }
}

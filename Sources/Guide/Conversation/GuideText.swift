internal import Quoting
internal import Terminal

/// A part of a guide's output.
enum Block: Equatable {
    case heading(String)
    /// A label and sentences beside it.
    case paragraph(String, String)
    /// A label and lines that are not joined; a line that is too long continues on the next, indented.
    case list(String, [String])
    case plain(String)
    /// Commands, which stay unchanged so that the user can copy them.
    case commands([String])
    case gap
}

/// Formats blocks as lines of a terminal. No line is longer than the terminal is wide, except commands that contain the user's own words.
enum GuideText {
    /// The column where the text beside the labels begins.
    private static let column = 9

    static func render(_ blocks: [Block], style: TextStyle, isPlain: Bool) -> String {
        let width = max(20, min(style.columns ?? 80, 100))
        return blocks.flatMap { lines($0, width, style, isPlain) }.joined(separator: "\n")
    }

    private static func lines(_ block: Block, _ width: Int, _ style: TextStyle, _ isPlain: Bool) -> [String] {
        switch block {
        case .heading(let text): wrap(text, width, first: "", rest: "").map(style.bold)
        case .paragraph(let label, let text): labelled(label, [text], width, style, isPlain)
        case .list(let label, let texts): labelled(label, texts, width, style, isPlain)
        case .plain(let text):
            text.split(at: "\n", omittingEmptySubsequences: false).flatMap { line in
                let indentation = String(line.prefix { $0 == " " })
                return wrap(String(line), width, first: indentation, rest: indentation)
            }
        case .commands(let lines): lines
        case .gap: [""]
        }
    }

    private static func labelled(_ label: String, _ texts: [String], _ width: Int, _ style: TextStyle, _ isPlain: Bool) -> [String] {
        guard !isPlain else {
            return texts.enumerated().flatMap { index, text in wrap(text, width, first: index == 0 ? "\(label): " : "", rest: "") }
        }
        let indentation = String(repeating: " ", count: column)
        let isList = texts.count > 1
        return texts.enumerated().flatMap { index, text in
            wrap(text, width, first: index == 0 ? padded(label) : indentation, rest: isList ? indentation + "  " : indentation)
        }.enumerated().map { index, line in
            index == 0 && line.hasPrefix(label) ? style.bold(label) + line.dropFirst(label.count) : line
        }
    }

    private static func padded(_ label: String) -> String { label + String(repeating: " ", count: max(1, column - label.count)) }

    /// Breaks a text at spaces, and breaks a word that is longer than a line at the end of the line.
    static func wrap(_ text: String, _ width: Int, first: String, rest: String) -> [String] {
        var lines = [first]
        var isEmpty = true
        for word in text.split(at: " ", omittingEmptySubsequences: true) {
            var word = word
            if !isEmpty, lines[lines.count - 1].count + 1 + word.count > width {
                lines.append(rest)
                isEmpty = true
            }
            if !isEmpty { lines[lines.count - 1] += " " }
            while lines[lines.count - 1].count + word.count > width, width - lines[lines.count - 1].count > 0 {
                let fitting = word.prefix(width - lines[lines.count - 1].count)
                lines[lines.count - 1] += fitting
                word = word.dropFirst(fitting.count)
                lines.append(rest)
            }
            lines[lines.count - 1] += word
            isEmpty = false
        }
        return lines
    }
}

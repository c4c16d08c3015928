internal import Quoting

/// The user's reply to a question.
enum Reply: Equatable {
    /// Enter alone: accepts the value in brackets.
    case enter
    case text(String)
    case key(GuideKey)

    /// Reads a line. Keys are single characters; to enter a text that is such a character, the user puts `=` in front.
    /// - Parameter line: nil is the end of the input.
    init(_ line: String?) {
        guard let line else {
            self = .key(.stop)
            return
        }
        let text = line.trimmed
        if text.isEmpty {
            self = .enter
        } else if let key = GuideKey(rawValue: text.lowercased()) {
            self = .key(key)
        } else {
            self = .text(text.begins(with: "=") ? String(text.dropFirst()).trimmed : text)
        }
    }
}

/// The keys that have the same meaning at every question.
enum GuideKey: String, CaseIterable {
    case back = "b"
    case more = "?"
    case skip = "s"
    case stop = "q"
    case log = "l"
    case shell = "!"
    case again = "r"
}

extension String {
    /// The text without white space at either end.
    var trimmed: String {
        let start = drop { $0.isWhitespace }
        return String(start.reversed().drop { $0.isWhitespace }.reversed())
    }
}

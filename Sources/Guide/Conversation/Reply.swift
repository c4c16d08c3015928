internal import Quoting

/// What somebody said to a question.
enum Reply: Equatable {
    /// Enter alone: what stands in brackets.
    case enter
    case text(String)
    case key(GuideKey)

    /// Reads a line. Keys are single characters; a text that is one of them has `=` in front.
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

/// The keys that mean the same at every question.
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
    /// Without white space at either end.
    var trimmed: String {
        let start = drop { $0.isWhitespace }
        return String(start.reversed().drop { $0.isWhitespace }.reversed())
    }
}

internal import Deployment
internal import Quoting

/// A command as a person types it, on lines of at most 80 characters that a shell joins again.
enum ShellLines {
    static let width = 80

    /// One option a line. A word that is longer than a line is broken after a comma. A shell joins the parts only if nothing comes before the next
    /// part, so that part is not indented.
    static func command(_ words: [String]) -> [String] {
        let line = words.map(PlanText.quoted).joined(separator: " ")
        if line.count <= width { return [line] }
        var groups: [[String]] = []
        for word in words.map(PlanText.quoted) {
            if groups.isEmpty || word.begins(with: "-") { groups.append([word]) } else { groups[groups.count - 1].append(word) }
        }
        var lines: [String] = []
        for (index, group) in groups.enumerated() {
            if index > 0 { lines[lines.count - 1] += " \\" }
            lines += broken(group, indentation: index == 0 ? "" : "  ")
        }
        return lines
    }

    /// A line of the user's own words, broken at spaces if it is too long.
    static func fitted(_ line: String) -> [String] {
        guard line.count > width else { return [line] }
        var lines = [""]
        for word in line.split(at: " ") {
            if !lines[lines.count - 1].isEmpty, lines[lines.count - 1].count + 1 + word.count > width - 2 {
                lines[lines.count - 1] += line.begins(with: "#") ? "" : " \\"
                lines.append(line.begins(with: "#") ? "# " : "   ")
            }
            lines[lines.count - 1] += lines[lines.count - 1].isEmpty || lines[lines.count - 1] == "# " ? String(word) : " \(word)"
        }
        return lines
    }

    private static func broken(_ words: [String], indentation: String) -> [String] {
        var lines = [indentation]
        var isFirst = true
        for word in words {
            // Two characters stay free for the backslash at the end of a line.
            if !isFirst, lines[lines.count - 1].count + 1 + word.count > width - 2 {
                let start = lines[lines.count - 1].count > indentation.count + 20 ? "    " : nil
                if let start, start.count + word.count <= width - 2 {
                    lines[lines.count - 1] += " \\"
                    lines.append(start)
                    isFirst = true
                }
            }
            if !isFirst { lines[lines.count - 1] += " " }
            isFirst = false
            add(word, to: &lines)
        }
        return lines
    }

    private static func add(_ word: String, to lines: inout [String]) {
        guard lines[lines.count - 1].count + word.count > width - 2, !word.begins(with: "'") else {
            lines[lines.count - 1] += word
            return
        }
        for part in parts(of: word) {
            if lines[lines.count - 1].count + part.count > width - 2, !lines[lines.count - 1].allSatisfy({ $0 == " " }) {
                lines[lines.count - 1] += "\\"
                lines.append("")
            }
            lines[lines.count - 1] += part
        }
    }

    /// `a,b,c` as `a,`, `b,`, `c`.
    private static func parts(of word: String) -> [String] {
        var parts = [""]
        for character in word {
            parts[parts.count - 1].append(character)
            if character == "," { parts.append("") }
        }
        return parts.filter { !$0.isEmpty }
    }
}

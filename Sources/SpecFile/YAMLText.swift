/// A key of a file to be written, with its value.
struct YAMLEntry: Equatable {
    let key: String
    let value: Value

    enum Value: Equatable {
        /// As it is written, on one line.
        case scalar(String)
        case section([YAMLEntry])
        case list([[YAMLEntry]])
    }
}

/// Renders entries as the lines of a file.
enum YAMLText {
    struct Line {
        let text: String
        /// The path of the key that the line is about; `[]` stands for an entry of a list.
        let path: String
    }

    static func lines(_ entries: [YAMLEntry], indentation: String = "", path: String = "") -> [Line] {
        entries.flatMap { entry in
            let own = path.isEmpty ? entry.key : "\(path).\(entry.key)"
            func line(_ rest: String) -> Line { Line(text: "\(indentation)\(entry.key):\(rest)", path: own) }
            switch entry.value {
            case .scalar(let text): return [line(" \(text)")]
            case .section(let inner):
                return inner.isEmpty ? [line(" {}")] : [line("")] + lines(inner, indentation: indentation + "  ", path: own)
            case .list(let items):
                return items.isEmpty ? [line(" []")] : [line("")] + items.flatMap { item(lines($0, indentation: indentation + "    ", path: "\(own)[]")) }
            }
        }
    }

    /// The lines of a list's entry: its first has the dash.
    private static func item(_ lines: [Line]) -> [Line] {
        guard let first = lines.first else { return [] }
        let indentation = first.text.prefix { $0 == " " }
        return [Line(text: indentation.dropLast(2) + "- " + first.text.dropFirst(indentation.count), path: first.path)] + lines.dropFirst()
    }
}

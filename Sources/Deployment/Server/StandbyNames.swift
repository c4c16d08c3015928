/// The setting `synchronous_standby_names`, in the grammar of PostgreSQL's `syncrep_gram.y`: `FIRST 2 (a, b)`, `ANY 1 (*)`, `2 (a, "B")`, `a, b`.
struct StandbyNames: Equatable {
    /// How many standbys each commit waits for; 0 if it waits for none.
    let count: Int
    /// In lower case unless quoted; `*` is any.
    let names: [String]

    /// - Returns: nil if the server would not accept the text.
    init?(_ text: String) {
        var tokens = Self.tokens(text)
        guard !tokens.isEmpty else {
            (count, names) = (0, [])
            return
        }
        var count = 1
        if case .word(let method) = tokens[0], ["first", "any"].contains(method.lowercased()), tokens.count > 1, case .word(let number) = tokens[1],
            Int(number) != nil
        {
            tokens.removeFirst()
        }
        if case .word(let number) = tokens[0], let value = Int(number), tokens.count > 1, tokens[1] == .symbol("(") {
            guard tokens.last == .symbol(")") else { return nil }
            count = value
            tokens = Array(tokens.dropFirst(2).dropLast())
        }
        var names: [String] = []
        for (index, token) in tokens.enumerated() {
            switch token {
            case .word(let word) where index % 2 == 0: names.append(word.lowercased())
            case .quoted(let word) where index % 2 == 0: names.append(word)
            case .symbol(",") where index % 2 == 1: break
            default: return nil
            }
        }
        guard !names.isEmpty, tokens.count % 2 == 1, count >= 0 else { return nil }
        (self.count, self.names) = (count, names)
    }

    /// Whether enough of the standbys that are streaming now are among those that a commit waits for.
    func areThere(_ standbys: [String]) -> Bool {
        standbys.count { standby in names.contains { $0 == "*" || $0.lowercased() == standby.lowercased() } } >= count
    }

    private enum Token: Equatable {
        case word(String)
        case quoted(String)
        case symbol(String)
    }

    private static func tokens(_ text: String) -> [Token] {
        var tokens: [Token] = []
        var word = ""
        var quoted: String?
        func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.value == 0x20 || (0x09...0x0d).contains(scalar.value) }
        var scalars = text.unicodeScalars.makeIterator()
        var pending = scalars.next()
        while let scalar = pending {
            pending = scalars.next()
            if var inside = quoted {
                if scalar != "\"" {
                    inside.unicodeScalars.append(scalar)
                    quoted = inside
                } else if pending == "\"" {
                    inside.unicodeScalars.append(scalar)
                    quoted = inside
                    pending = scalars.next()
                } else {
                    tokens.append(.quoted(inside))
                    quoted = nil
                }
                continue
            }
            let isSymbol = scalar == "," || scalar == "(" || scalar == ")"
            if isSymbol || isSpace(scalar) || scalar == "\"" {
                if !word.isEmpty { tokens.append(.word(word)) }
                word = ""
                if isSymbol { tokens.append(.symbol(String(scalar))) }
                if scalar == "\"" { quoted = "" }
            } else {
                word.unicodeScalars.append(scalar)
            }
        }
        if !word.isEmpty { tokens.append(.word(word)) }
        return tokens
    }
}

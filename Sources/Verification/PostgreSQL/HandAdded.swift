/// Finds what an administrator wrote into pgkvm's files. A change replaces these files completely, so it would be lost.
package enum HandAdded {
    /// Lines in force that neither the former nor the planned configuration has, by file.
    ///
    /// In a file of settings only the names count, because each release of pgkvm chooses their values.
    package static func lines(inForce: [String: String], known: [String: String], planned: [String: String]) -> [String: [String]] {
        var added: [String: [String]] = [:]
        for (file, text) in inForce where planned[file] != nil {
            let ours = Set((meaning(known[file] ?? "") + meaning(planned[file] ?? "")).map { key($0, file) })
            let lines = meaning(text).filter { !ours.contains(key($0, file)) }
            if !lines.isEmpty { added[file] = lines }
        }
        return added
    }

    /// Lines that have an effect, with single spaces between their words.
    static func meaning(_ text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, first.utf8.first != UInt8(ascii: "#") else { return nil }
            return words.joined(separator: " ")
        }
    }

    private static func key(_ line: String, _ file: String) -> String {
        guard file != "pg_hba.conf", file != "pg_ident.conf" else { return line }
        return String(line.prefix { !$0.isWhitespace && $0 != "=" }).lowercased()
    }
}

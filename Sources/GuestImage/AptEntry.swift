internal import HostSystem
internal import Quoting
internal import SystemPackage

/// The keys that apt accepts for an archive.
enum SignedBy: Equatable, Sendable {
    /// Keyring files.
    case files([String])
    /// The key itself, in ASCII armor.
    case armoured(String)
}

/// The options of one archive in apt's sources, which none of apt's programs shows. apt itself reports which archives there are and where
/// each is configured (`AptTarget`).
struct AptEntry: Equatable, Sendable {
    /// The options by their lower-case names, which both forms of the file use: `signed-by`, `check-valid-until`, ….
    let options: [String: String]

    /// Reads the options from the place that apt reports.
    /// - Throws: `file.unreadable`.
    static func read(_ target: AptTarget) throws -> AptEntry {
        guard let (file, number) = target.entry, let bytes = try Files.readIfPresent(FilePath(file)) else { return AptEntry(options: [:]) }
        let entries = file.ends(with: ".sources") ? stanzas(bytes) : lines(bytes)
        func configures(_ entry: [String: String]) -> Bool {
            words(entry["uris"] ?? "").map(AptURI.withoutSlash).contains(target.archive) && words(entry["suites"] ?? "").contains(target.release)
        }
        let named = entries.indices.contains(number - 1) ? entries[number - 1] : [:]
        return AptEntry(options: configures(named) ? named : entries.first(where: configures) ?? named)
    }

    /// Nil where the entry does not name a key, or only a fingerprint: then the key is among those that apt trusts for every archive.
    var signedBy: SignedBy? {
        guard let value = options["signed-by"] else { return nil }
        let begin = "-----BEGIN PGP".utf8
        if let start = value.utf8.indices.first(where: { value.utf8[$0...].starts(with: begin) }) { return .armoured(String(value[start...]) + "\n") }
        let paths = Self.words(Self.replaced(value, ",", with: " ")).filter { $0.begins(with: "/") }
        return paths.isEmpty ? nil : .files(paths)
    }

    /// Whether apt takes packages from it without a signature.
    var isUnsigned: Bool { ["trusted", "allow-insecure"].contains { isYes(options[$0]) } }

    /// How long its release files are valid, as `Name: value` of a stanza, in a stable order.
    var dateOptions: [(name: String, value: String)] {
        ["Check-Valid-Until", "Valid-Until-Min", "Valid-Until-Max", "Check-Date", "Date-Max-Future"].compactMap { name in
            options[name.lowercased()].flatMap { value in value.utf8.allSatisfy(Self.isPlain) ? (name, value) : nil }
        }
    }

    private func isYes(_ value: String?) -> Bool { value.map { ["yes", "true", "with", "on", "enable", "1"].contains($0.lowercased()) } ?? false }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    // MARK: - The two forms

    /// Stanzas of fields (deb822).
    static func stanzas(_ bytes: [UInt8]) -> [[String: String]] {
        var stanzas: [[String: String]] = []
        var stanza: [String: String] = [:]
        var field: String?
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.first == UInt8(ascii: "#") { continue }
            let content = line.drop(while: isBlank)
            if content.isEmpty {
                if !stanza.isEmpty { stanzas.append(stanza) }
                (stanza, field) = ([:], nil)
            } else if isBlank(line[line.startIndex]) {
                // A single dot is an empty line.
                if let field { stanza[field, default: ""] += "\n" + (content.elementsEqual(".".utf8) ? "" : String(decoding: content, as: UTF8.self)) }
            } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
                let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
                let value = line[(colon + 1)...].drop(while: isBlank).reversed().drop(while: isBlank).reversed()
                stanza[name] = String(decoding: value, as: UTF8.self)
                field = name
            }
        }
        if !stanza.isEmpty { stanzas.append(stanza) }
        return stanzas
    }

    /// One entry per line, also for lines without an entry: `deb [options] URI SUITE COMPONENT…`.
    static func lines(_ bytes: [UInt8]) -> [[String: String]] {
        bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            var rest = words(String(decoding: line.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self))[...]
            guard rest.popFirst() == "deb" else { return [:] }
            var entry: [String: String] = [:]
            if rest.first?.begins(with: "[") == true {
                var options: [String] = []
                while let word = rest.popFirst() {
                    options.append(word)
                    if word.ends(with: "]") { break }
                }
                for option in words(replaced(replaced(options.joined(separator: " "), "[", with: " "), "]", with: " ")) {
                    guard let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) else { continue }
                    entry[String(option[..<equals]).lowercased()] = String(option[option.utf8.index(after: equals)...])
                }
            }
            guard let uri = rest.popFirst(), let suite = rest.popFirst() else { return [:] }
            (entry["uris"], entry["suites"]) = (uri, suite)
            return entry
        }
    }

    private static func words(_ text: String) -> [String] {
        text.utf8.split { $0 == 0x20 || (0x09...0x0D).contains($0) }.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func replaced(_ text: String, _ character: Unicode.Scalar, with other: Unicode.Scalar) -> String {
        var result = ""
        for scalar in text.unicodeScalars { result.unicodeScalars.append(scalar == character ? other : scalar) }
        return result
    }
}

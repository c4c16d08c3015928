/// One archive that apt is configured with: a stanza of a `.sources` file or a line of a `.list` file.
struct AptSource: Equatable, Sendable {
    var uris: [String]
    var suites: [String]
    var components: [String]
    var signedBy: SignedBy?

    /// The keys that apt accepts for the archive.
    enum SignedBy: Equatable, Sendable {
        /// Keyring files.
        case files([String])
        /// The key itself, in ASCII armour.
        case armoured(String)
    }
}

/// Reads apt's configuration of archives. What apt would not use (disabled, source packages, another architecture) is left out.
enum AptSources {
    /// A `.sources` file: stanzas of fields (deb822).
    static func parse(deb822 text: String) -> [AptSource] {
        var stanzas: [[String: String]] = [[:]]
        var field: String?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.first == "#" { continue }
            if line.allSatisfy(\.isWhitespace) {
                stanzas.append([:])
                field = nil
            } else if line.first?.isWhitespace == true {
                guard let field else { continue }
                let continued = line.drop(while: \.isWhitespace)
                // A lone dot stands for an empty line.
                stanzas[stanzas.count - 1][field, default: ""] += "\n" + (continued == "." ? "" : continued)
            } else if let colon = line.firstIndex(of: ":") {
                let name = line[..<colon].lowercased()
                stanzas[stanzas.count - 1][name] = String(line[line.index(after: colon)...].drop(while: \.isWhitespace))
                field = name
            }
        }
        return stanzas.compactMap(source(stanza:))
    }

    /// A `.list` file: `deb [options] URI SUITE COMPONENT…`.
    static func parse(oneLine text: String) -> [AptSource] {
        text.split(separator: "\n").compactMap { line in
            var rest = line.prefix { $0 != "#" }.drop(while: \.isWhitespace)
            guard rest.hasPrefix("deb"), rest.dropFirst(3).first?.isWhitespace == true else { return nil }
            rest = rest.dropFirst(3).drop(while: \.isWhitespace)
            var options: [String: String] = [:]
            if rest.first == "[" {
                guard let end = rest.firstIndex(of: "]") else { return nil }
                for option in words(rest[rest.index(after: rest.startIndex)..<end]) {
                    let parts = option.split(separator: "=", maxSplits: 1)
                    if parts.count == 2 { options[parts[0].lowercased()] = String(parts[1]) }
                }
                rest = rest[rest.index(after: end)...]
            }
            let parts = words(rest)
            guard parts.count >= 3, holdsAMD64(options["arch"]?.split(separator: ",").map(String.init)) else { return nil }
            let files = options["signed-by"]?.split(separator: ",").map(String.init)
            return AptSource(
                uris: [parts[0]], suites: [parts[1]], components: Array(parts[2...]), signedBy: files.map(AptSource.SignedBy.files))
        }
    }

    private static func source(stanza: [String: String]) -> AptSource? {
        guard words(stanza["types"] ?? "").contains("deb"), stanza["enabled"].map(isNo) != true,
            holdsAMD64(stanza["architectures"].map { words($0) })
        else { return nil }
        let uris = words(stanza["uris"] ?? "")
        let suites = words(stanza["suites"] ?? "")
        guard !uris.isEmpty, !suites.isEmpty else { return nil }
        let signedBy = stanza["signed-by"].map { value -> AptSource.SignedBy in
            value.contains("-----BEGIN PGP") ? .armoured(value.drop(while: \.isWhitespace) + "\n") : .files(words(value))
        }
        return AptSource(uris: uris, suites: suites, components: words(stanza["components"] ?? ""), signedBy: signedBy)
    }

    private static func words(_ text: some StringProtocol) -> [String] { Substring(text).split(whereSeparator: \.isWhitespace).map(String.init) }

    private static func isNo(_ value: String) -> Bool { ["no", "false", "0", "off", "without", "disable"].contains(value.lowercased()) }

    private static func holdsAMD64(_ architectures: [String]?) -> Bool { architectures?.contains("amd64") ?? true }
}

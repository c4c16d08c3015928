/// One package index that apt fetches, as `apt-get indextargets` describes it.
struct AptTarget: Sendable, Equatable {
    private let fields: [String: String]

    /// Also identifies it in `apt-cache policy`.
    var description: String { fields["Description"] ?? "" }
    /// The archive as configured, without a slash at its end.
    var archive: String { AptURI.withoutSlash(fields["Repo-URI"] ?? "") }
    /// The suite as configured.
    var release: String { fields["Release"] ?? "" }
    var component: String { fields["Component"] ?? "" }

    // The contents of the release file; nil until apt has fetched it.
    var origin: String? { fields["Origin"] }
    var label: String? { fields["Label"] }
    var codename: String? { fields["Codename"] }

    /// The file, and the number of the stanza or line, that configures it.
    var entry: (file: String, number: Int)? {
        guard let entry = fields["Sourcesentry"], let colon = entry.utf8.lastIndex(of: UInt8(ascii: ":")),
            let number = Int(entry[entry.index(after: colon)...])
        else { return nil }
        return (String(entry[..<colon]), number)
    }

    /// Where apt keeps the signed release file.
    var signedRelease: String? {
        guard let file = fields["Filename"], let key = fields["MetaKey"], !key.isEmpty else { return nil }
        let encoded = String(decoding: key.utf8.map { $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0 }, as: UTF8.self)
        return file.lastIndex(of: encoded).map { file[..<$0] + "InRelease" }
    }

    /// Reads stanzas of `Name: value` lines.
    static func parse(_ text: String) -> [AptTarget] {
        var targets: [AptTarget] = []
        var fields: [String: String] = [:]
        for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.isEmpty {
                if !fields.isEmpty { targets.append(AptTarget(fields: fields)) }
                fields = [:]
            } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
                let value = line[line.index(after: colon)...].drop { $0 == UInt8(ascii: " ") }
                fields[String(decoding: line[..<colon], as: UTF8.self)] = String(decoding: value, as: UTF8.self)
            }
        }
        if !fields.isEmpty { targets.append(AptTarget(fields: fields)) }
        return targets
    }

    /// Reads the lines ` 500 DESCRIPTION` of `apt-cache policy`.
    static func priorities(policy: String) -> [String: Int] {
        var priorities: [String: Int] = [:]
        for line in policy.utf8.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "), maxSplits: 1)
            guard words.count == 2, let priority = Int(String(decoding: words[0], as: UTF8.self)) else { continue }
            priorities[String(decoding: words[1], as: UTF8.self)] = priority
        }
        return priorities
    }
}

extension String {
    /// The last position at which a text begins, compared by bytes.
    fileprivate func lastIndex(of part: String) -> Index? {
        let bytes = Array(utf8)
        let wanted = Array(part.utf8)
        guard bytes.count >= wanted.count else { return nil }
        for start in stride(from: bytes.count - wanted.count, through: 0, by: -1) where bytes[start..<start + wanted.count].elementsEqual(wanted) {
            return utf8.index(utf8.startIndex, offsetBy: start)
        }
        return nil
    }
}

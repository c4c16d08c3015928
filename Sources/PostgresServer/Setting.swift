/// The files of `conf.d`, in the order in which the server reads them: a later one wins.
package enum SettingLayer: String, Sendable, CaseIterable {
    case identity = "10-identity"
    case memory = "20-memory"
    case wal = "30-wal"
    case planner = "40-planner"
    case logging = "50-logging"
    case autovacuum = "60-autovacuum"
    case spec = "90-spec"

    var title: String {
        switch self {
        case .identity: "Who the server is, how it is reached and what it always loads."
        case .memory: "Connections and memory, from the guest's memory and the profile."
        case .wal: "The write-ahead log, from the size of the data disk and the profile."
        case .planner: "Costs and parallel queries, from the guest's CPUs and the profile."
        case .logging: "What the server writes down, on the system disk."
        case .autovacuum: "Cleaning up in the background."
        case .spec: "From the spec: postgresql.settings. These win over every other file."
        }
    }
}

/// One line of the configuration, with the reason for it.
package struct Setting: Sendable, Equatable {
    package let layer: SettingLayer
    package let name: String
    /// As a person would write it, without quotes: `512MB`, `on`, `%m [%p] `.
    package let value: String
    package let reason: String

    package init(_ layer: SettingLayer, _ name: String, _ value: String, _ reason: String) {
        self.layer = layer
        self.name = name
        self.value = value
        self.reason = reason
    }

    /// The value as written in the file: bare where the server's grammar certainly takes it so, otherwise in quotes, with escapes that keep it on one
    /// line. No value can begin a second setting.
    var quotedValue: String { Self.quote(value) }

    /// Goes by Unicode scalars: a combining mark behind a quote is a character with it, and must not hide it.
    static func quote(_ value: String) -> String {
        if isBare(value.utf8[...]) { return value }
        var text = "'".unicodeScalars
        for scalar in value.unicodeScalars {
            switch scalar {
            case "'": text.append(contentsOf: "''".unicodeScalars)
            case "\\": text.append(contentsOf: #"\\"#.unicodeScalars)
            case "\n": text.append(contentsOf: #"\n"#.unicodeScalars)
            case "\r": text.append(contentsOf: #"\r"#.unicodeScalars)
            default: text.append(scalar)
            }
        }
        text.append("'")
        return String(text)
    }

    /// Whether the scanner of configuration files (guc-file.l) takes the bytes for one value without quotes: a word (`ID`), a whole number with letters
    /// behind it (`INTEGER`), or a fraction without any (`REAL`). There is no fraction with a unit.
    private static func isBare(_ bytes: Substring.UTF8View) -> Bool {
        guard let first = bytes.first else { return false }
        if isLetter(first) { return bytes.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") } }
        let digits = first == UInt8(ascii: "-") ? bytes.dropFirst() : bytes
        let rest = digits.drop(while: isDigit)
        guard rest.startIndex > digits.startIndex else { return false }
        guard rest.first == UInt8(ascii: ".") else { return rest.allSatisfy(isLetter) }
        return rest.count > 1 && rest.dropFirst().allSatisfy(isDigit)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

extension [Setting] {
    /// What must be in force once the server runs: of each name the last one, by name.
    package var effective: [String: String] { Dictionary(map { ($0.name, $0.value) }) { _, later in later } }
}

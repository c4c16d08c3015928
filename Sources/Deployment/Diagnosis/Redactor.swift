package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import SystemPackage

/// Removes secrets from bytes that are to leave the host: known secrets, in every form in which a program may have written them, and everything that
/// looks like a secret. Pure except for `init(directory:)`.
package struct Redactor: Sendable {
    /// By their first four bytes, the longest first.
    private let patterns: [UInt32: [[UInt8]]]
    /// Whether a pattern begins with these two bytes. If none does, as in most places, no further check is needed.
    private let beginnings: [Bool]
    private static let mark = Array("<redacted>".utf8)
    /// Shorter patterns would be found in innocent text.
    private static let leastLength = 8

    /// The secrets of an appliance: its private keys and the passwords of its passfile.
    /// - Throws: `file.unreadable`: if the secrets are not known, nothing may leave the host.
    package init(directory: ApplianceDirectory) throws {
        var secrets = try StoredPasswords.read(directory).values.map { $0.withRevealed { Array($0.utf8) } }
        for path in [directory.sshKey, directory.caKey] {
            guard let bytes = try Files.readRegularIfPresent(path) else { continue }
            let lines = bytes.split(separator: 0x0a).filter { !$0.starts(with: Array("-----".utf8)) }.map(Array.init)
            secrets += lines
            guard let key = Data(base64Encoded: Data(lines.joined())) else { continue }
            // In an OpenSSH key, only the last part is secret; a whole PKCS #8 key is as long as that part.
            secrets.append(Array(key.suffix(256)))
        }
        self.init(secrets: secrets)
    }

    /// - Parameter secrets: the redactor searches for each as it is, in hexadecimal and in base64, whole and in pieces, because text can be cut and
    ///   broken anywhere.
    package init(secrets: [[UInt8]]) {
        let parts = secrets.flatMap { [$0] + Self.pieces($0) }.filter { $0.count >= Self.leastLength }
        let forms = Set(parts.flatMap(Self.forms)).flatMap { form in
            // JSON may write a slash with a backslash before it.
            form.contains(UInt8(ascii: "/")) ? [form, form.flatMap { $0 == UInt8(ascii: "/") ? [UInt8(ascii: "\\"), $0] : [$0] }] : [form]
        }
        patterns = Dictionary(grouping: forms) { Self.key($0, at: 0) }.mapValues { $0.sorted { $0.count > $1.count } }
        var beginnings = [Bool](repeating: false, count: 1 << 16)
        for form in forms { beginnings[Int(form[0]) << 8 | Int(form[1])] = true }
        self.beginnings = beginnings
    }

    private static func key(_ bytes: [UInt8], at place: Int) -> UInt32 {
        UInt32(bytes[place]) << 24 | UInt32(bytes[place + 1]) << 16 | UInt32(bytes[place + 2]) << 8 | UInt32(bytes[place + 3])
    }

    /// The bytes without secrets.
    package func redact(_ bytes: [UInt8]) -> [UInt8] {
        Self.withoutLookalikes(withoutKnown(bytes))
    }

    private func withoutKnown(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var place = 0
        while place < bytes.count {
            if place + Self.leastLength <= bytes.count, beginnings[Int(bytes[place]) << 8 | Int(bytes[place + 1])],
                let found = patterns[Self.key(bytes, at: place)]?.first(where: { bytes[place...].starts(with: $0) })
            {
                if !result.suffix(Self.mark.count).elementsEqual(Self.mark) { result += Self.mark }
                place += found.count
            } else {
                result.append(bytes[place])
                place += 1
            }
        }
        return result
    }

    private static func pieces(_ secret: [UInt8]) -> [[UInt8]] {
        stride(from: 0, to: secret.count, by: 12).map { Array(secret[$0..<min($0 + 12, secret.count)]) }
    }

    private static func forms(_ secret: [UInt8]) -> [[UInt8]] {
        let hexadecimal = Array(secret.hexadecimal.utf8)
        let upper = hexadecimal.map { (0x61...0x66).contains($0) ? $0 - 0x20 : $0 }
        return [secret, hexadecimal, upper] + (0..<3).flatMap { base64(secret, offset: $0) }
    }

    /// The base64 text, in both alphabets, of a secret inside a longer text, where the secret begins `offset` bytes after a multiple of three bytes.
    /// The characters at the ends depend on the neighbouring bytes, and are left out.
    private static func base64(_ secret: [UInt8], offset: Int) -> [[UInt8]] {
        let padded = [UInt8](repeating: 0, count: offset) + secret
        let whole = Array(Data(padded).base64EncodedString().utf8)
        let first = [0, 2, 3][offset]
        let last = padded.count * 8 / 6
        guard last - first >= leastLength else { return [] }
        let plain = Array(whole[first..<last])
        let other = plain.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0 }
        return plain == other ? [plain] : [plain, other]
    }

    /// Removes what looks like a secret but is not a known one: private keys, password verifiers, passwords in statements, connection strings and
    /// URIs.
    private static func withoutLookalikes(_ bytes: [UInt8]) -> [UInt8] {
        var text = bytes
        if holds(text[...], Array("PRIVATE KEY-----".utf8)) {
            text = Array(String(decoding: text, as: UTF8.self).replacing(keyBlock, with: "<redacted>").utf8)
        }
        // Regular expressions are slow, so they are applied only to lines that can hold a secret.
        let lines = text.split(separator: 0x0a, omittingEmptySubsequences: false).map { line in
            signs.contains { holds(line, $0) } ? ArraySlice(withoutLookalikes(line: String(decoding: line, as: UTF8.self)).utf8) : line
        }
        return Array(lines.joined(separator: [0x0a]))
    }

    private static let signs = ["pass", "scram-sha-256$", "://"].map { Array($0.utf8) }
    private nonisolated(unsafe) static let keyBlock = #/-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|-(?!----END))*(?:-----END [A-Z ]*PRIVATE KEY-----)?/#

    private static func withoutLookalikes(line: String) -> String {
        line.replacing(#/SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+\/=\\]+\$[A-Za-z0-9+\/=\\]+:[A-Za-z0-9+\/=\\]+/#, with: "<redacted>")
            .replacing(#/(?i)(password|passwd|passphrase)(["']?\s*[=:]\s*|\s+)('(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|\\.)*")/#) { "\($0.1)\($0.2)<redacted>" }
            .replacing(#/(?i)(password|passwd|passphrase)(["']?\s*[=:]\s*)([^\s'"<,;&]+)/#) { "\($0.1)\($0.2)<redacted>" }
            .replacing(#/([a-z][a-z0-9+.-]*:\/\/[^\s:@\/]+):([^\s@\/]+)@/#) { "\($0.1):<redacted>@" }
    }

    /// Whether the bytes contain a lower-case text, ignoring case.
    private static func holds(_ bytes: ArraySlice<UInt8>, _ needle: [UInt8]) -> Bool {
        func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte + 0x20 : byte }
        guard let first = needle.first, bytes.count >= needle.count else { return false }
        var place = bytes.startIndex
        let last = bytes.endIndex - needle.count
        while place <= last {
            if lower(bytes[place]) == lower(first), bytes[place..<place + needle.count].elementsEqual(needle, by: { lower($0) == lower($1) }) { return true }
            place += 1
        }
        return false
    }
}

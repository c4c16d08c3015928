internal import CLibSSH2
internal import FoundationEssentials

/// An ed25519 host key that a server is pinned to.
package struct HostKey: Sendable, Equatable, Codable, CustomStringConvertible {
    /// The key in its wire format: 51 bytes.
    package let blob: [UInt8]

    /// The length and name of the algorithm, and the length of the key that follows.
    private static let header: [UInt8] = [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 32]

    /// Reads the line of a `.pub` file: `ssh-ed25519 AAAA… [comment]`. Nil for anything else.
    package init?(openSSH line: String) {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.count >= 2, words[0] == "ssh-ed25519", let data = Data(base64Encoded: String(words[1])) else { return nil }
        self.init(blob: Array(data))
    }

    /// Nil unless the bytes are exactly one ed25519 key.
    package init?(blob: [UInt8]) {
        guard blob.count == Self.header.count + 32, blob.starts(with: Self.header) else { return nil }
        self.blob = blob
    }

    /// As in a `.pub` file, without the comment and the newline.
    package var openSSHLine: String { "ssh-ed25519 \(Data(blob).base64EncodedString())" }

    /// As `ssh-keygen -l` prints it: `SHA256:…`.
    package var fingerprint: String { Self.fingerprint(of: blob) }

    package var description: String { fingerprint }

    static func fingerprint(of blob: [UInt8]) -> String {
        var text = Data(sha256(blob)).base64EncodedString()
        while text.last == "=" { text.removeLast() }
        return "SHA256:\(text)"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let key = HostKey(openSSH: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an ed25519 public key in OpenSSH's format")
        }
        self = key
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(openSSHLine)
    }
}

func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    _ = unsafe SHA256(bytes, bytes.count, &digest)
    return digest
}

internal import ApplianceModel
internal import Basics
internal import Crypto
internal import FoundationEssentials
internal import HostSystem
internal import Quoting
internal import Synchronization

/// The public key of the server whose certificate has the pinned fingerprint.
///
/// The certificate is read in a separate handshake and compared; its public key is then required of every connection, and only
/// the holder of its private key can make one. So it does not matter who answered the first handshake.
final class ServerPin: Sendable {
    private let known = Mutex<String?>(nil)

    /// curl's `sha256//…` of the public key.
    /// - Parameters:
    ///   - fingerprint: SHA-256 of the certificate, in hexadecimal pairs with colons.
    ///   - authority: host and port.
    /// - Throws: `proxmox.fingerprint`, `proxmox.certificate`, `proxmox.unreachable`, `program.missing`.
    func publicKey(fingerprint: String, authority: ServerAddress) async throws -> String {
        if let key = known.withLock({ $0 }) { return key }
        let wanted = try Self.normalised(fingerprint)
        let certificate = try await Self.certificate(of: authority)
        let seen = Self.fingerprint(certificate.der)
        guard seen == wanted else {
            throw Failure(
                .proxmoxFingerprint, "the certificate of '\(authority)' has the fingerprint \(seen), and not the one in 'machine.proxmox.fingerprint'",
                remedy: "compare it on the node itself: pvenode cert info; when it was renewed, write the new one into the spec, else somebody else answers")
        }
        let key = try await Self.publicKey(of: certificate.pem, authority)
        known.withLock { $0 = key }
        return key
    }

    /// - Throws: `proxmox.fingerprint` when it is not a fingerprint.
    static func normalised(_ fingerprint: String) throws -> String {
        let text = fingerprint.trimming().uppercased()
        guard text.wholeMatch(of: /[0-9A-F]{2}(?::[0-9A-F]{2}){31}/) != nil else {
            throw Failure(
                .proxmoxFingerprint, "'machine.proxmox.fingerprint' is no SHA-256 fingerprint",
                remedy: "copy the one that 'pvenode cert info' shows: 32 pairs of hexadecimal digits with colons")
        }
        return text
    }

    static func fingerprint(_ der: [UInt8]) -> String {
        SHA256.hash(data: der).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return digits.count == 1 ? "0" + digits : digits
        }.joined(separator: ":")
    }

    private static func certificate(of authority: ServerAddress) async throws -> (pem: String, der: [UInt8]) {
        let name = authority.isName ? ["-servername", authority.host] : []
        let result = try await ProgramRunner.run(
            "timeout", ["20", "openssl", "s_client", "-connect", authority.description] + name + ["-showcerts"])
        guard let pem = firstBlock(result.outputText, "CERTIFICATE"), let der = bytes(of: pem) else {
            throw Failure(
                .proxmoxUnreachable, "'\(authority)' shows no certificate: \(lastWords(result.errorText))",
                remedy: "check 'machine.proxmox.url', the network, and on the node: systemctl status pveproxy")
        }
        return (pem, der)
    }

    /// The public key of a certificate that is valid today: when curl checks only the key, it does not check the dates.
    private static func publicKey(of certificate: String, _ authority: ServerAddress) async throws -> String {
        let result = try await ProgramRunner.check(
            "openssl", ["x509", "-noout", "-pubkey", "-startdate", "-enddate", "-dateopt", "iso_8601"], input: Array((certificate + "\n").utf8))
        func date(_ name: String) -> String? {
            let line = result.outputText.split(at: "\n").first { $0.begins(with: "\(name)=") }
            return line.map { String($0.dropFirst(name.count + 1)).replacing(" ", by: "T") }
        }
        guard let from = date("notBefore"), let until = date("notAfter") else {
            throw Failure(.proxmoxCertificate, "the certificate of '\(authority)' has no dates that are understood")
        }
        let now = Date.now.ISO8601Format()
        guard from <= now, now <= until else {
            throw Failure(
                .proxmoxCertificate,
                "the certificate of '\(authority)' is not to be trusted: \(now < from ? "it is valid only from \(from) on" : "it has expired on \(until)")",
                remedy:
                    "compare the clocks; when they are right, renew it on the node: pvecm updatecerts --force && systemctl restart pveproxy; then pin the new fingerprint"
            )
        }
        guard let pem = firstBlock(result.outputText, "PUBLIC KEY"), let der = bytes(of: pem) else {
            throw Failure(.proxmoxCertificate, "the server's certificate has no public key that is understood")
        }
        return "sha256//" + Data(SHA256.hash(data: der)).base64EncodedString()
    }

    private static func lastWords(_ text: String) -> String { text.split(at: "\n").last.map(String.init) ?? "nothing came" }

    private static func firstBlock(_ text: String, _ label: String) -> String? {
        guard let start = text.firstRange(of: "-----BEGIN \(label)-----"), let end = text.firstRange(of: "-----END \(label)-----"),
            start.upperBound < end.lowerBound
        else { return nil }
        return String(text[start.lowerBound..<end.upperBound])
    }

    private static func bytes(of pem: String) -> [UInt8]? {
        let body = pem.split(at: "\n").filter { !$0.begins(with: "-----") }.joined().filter { !$0.isWhitespace }
        return Data(base64Encoded: body).map(Array.init)
    }
}

/// Host and port of a server.
struct ServerAddress: Sendable, Equatable, CustomStringConvertible {
    /// The host in lower case.
    let host: String
    let port: Int

    private static var defaultPort: Int { 8006 }

    /// - Throws: `proxmox.not-proxmox` for anything but `https://HOST[:PORT]`.
    init(url: String) throws {
        guard let parts = url.wholeMatch(of: /https:\/\/([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:]+\])(?::([0-9]{1,5}))?\/?/),
            let port = parts.2.map({ Int($0) }) ?? Self.defaultPort,
            (1...65535).contains(port)
        else {
            throw Failure(
                .proxmoxNotProxmox, "'machine.proxmox.url': '\(url)' is not the address of a Proxmox VE server",
                remedy: "write https://HOST:8006; plain HTTP is never used, since the token would be read by everybody on the way")
        }
        host = parts.1.lowercased()
        self.port = port
    }

    /// Parses `HOST`, `HOST:PORT` or a URL, the forms in which people name a server next to its token; nil for anything else.
    init?(entry: String) {
        let url = entry.lowercased().begins(with: "https://") ? "https://\(entry.dropFirst(8))" : "https://\(entry)"
        guard let address = try? ServerAddress(url: url) else { return nil }
        self = address
    }

    /// Whether the host is a name rather than an address.
    var isName: Bool { IPv4Address(host) == nil && !host.begins(with: "[") }
    var isLoopback: Bool { host == "localhost" || host == "[::1]" || IPv4Address(host).map { $0.value >> 24 == 127 } == true }
    var description: String { "\(host):\(port)" }
}

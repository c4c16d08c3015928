internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// API tokens, each with the one server that it was made for: lines `HOST[:PORT] USER@REALM!TOKENID=UUID`.
///
/// The server's address and trust come from the spec, which may have been written by a stranger. So the token itself says where it may be sent,
/// as entries in `.netrc` do; no entry is valid for every server. `HOST` is compared with the URL as written: a name never matches
/// its address.
struct PVETokens {
    private let source: PVETokenSource
    private let bound: [(server: ServerAddress, token: PVEToken)]
    /// Whether a line has a token without a server, as all lines did before servers were named.
    private let hasUnbound: Bool

    /// - Throws: `proxmox.token` for any other line; the message never contains its text.
    init(_ text: String, source: PVETokenSource) throws {
        var bound: [(ServerAddress, PVEToken)] = []
        var hasUnbound = false
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, first.utf8.first != UInt8(ascii: "#") else { continue }
            switch words.count {
            case 1:
                _ = try PVEToken(String(first), source: source.name)
                hasUnbound = true
            case 2:
                let token = try PVEToken(String(words[1]), source: source.name)
                guard let server = ServerAddress(entry: String(first)) else { throw source.malformed }
                bound.append((server, token))
            default: throw source.malformed
            }
        }
        self.source = source
        self.bound = bound
        self.hasUnbound = hasUnbound
    }

    /// The token for a server; nil when there is none.
    func token(for server: ServerAddress) -> PVEToken? { bound.first { $0.server == server }?.token }

    /// Why no token is sent to a server.
    func refusal(of server: ServerAddress) -> Failure {
        if hasUnbound {
            return Failure(
                .proxmoxTokenHost, "\(source.name) does not say for which server its token was made, so it is not sent to '\(server)'",
                remedy: "if the token was made for '\(server)', write that down: \(source.binding(to: server))")
        }
        guard !bound.isEmpty else { return source.malformed }
        return Failure(
            .proxmoxTokenHost,
            "\(source.name) has no token for '\(server)', only for \(bound.map { "'\($0.server)'" }.joined(separator: ", "))",
            remedy: "if that is the server you mean, make a token there (pveum user token add USER@REALM TOKENID) and add a line: "
                + "\(server) USER@REALM!TOKENID=UUID")
    }
}

/// A place from which tokens are read.
enum PVETokenSource: Equatable {
    case file(FilePath)
    case variable
    case credential(FilePath)

    var name: String {
        switch self {
        case .file(let path), .credential(let path): "'\(path)'"
        case .variable: "the variable \(PVEToken.variable)"
        }
    }

    /// The command that records that a token without a server was made for this one.
    func binding(to server: ServerAddress) -> String {
        switch self {
        case .file(let path): "sed -i 's|^[[:space:]]*\\([^#[:space:]]*!\\)|\(server) \\1|' \(ShellWord.quoted(path.string))"
        case .variable: "export \(PVEToken.variable)=\"\(server) $\(PVEToken.variable)\""
        case .credential: "put '\(server) ' before the token in the file that the unit's LoadCredential or SetCredential names"
        }
    }

    var malformed: Failure {
        Failure(
            .proxmoxToken, "\(name) holds something that is not an API token of Proxmox VE",
            remedy: "write a line HOST USER@REALM!TOKENID=UUID for each server; 'pveum user token add USER@REALM TOKENID' prints the parts of a token")
    }
}

extension PVEToken {
    /// The variable that may hold tokens.
    package static let variable = "PGKVM_PROXMOX_TOKEN"
    /// The name of the tokens in systemd's credentials.
    package static let credential = "pgkvm-proxmox-token"

    /// The token for a server: from a file, otherwise from the environment, otherwise from systemd's credentials.
    /// - Parameters:
    ///   - file: must be accessible only to its owner.
    ///   - environment: the value of a variable.
    /// - Throws: `proxmox.token`, `proxmox.token-host` where none was made for this server, `file.unreadable`.
    static func find(for server: ServerAddress, file: FilePath?, environment: (String) -> String?) throws -> PVEToken {
        var sources: [PVETokens] = []
        if let file {
            sources = [try read(file, as: .file(file), openTo: .everybodyElse)]
        } else {
            if let text = environment(variable), !text.isEmpty { sources.append(try PVETokens(text, source: .variable)) }
            if let directory = environment("CREDENTIALS_DIRECTORY"), directory.begins(with: "/") {
                let path = FilePath(directory).appending(credential)
                // systemd gives a service access to them through an access list, which shows up as a group permission.
                if Files.exists(path) { sources.append(try read(path, as: .credential(path), openTo: .others)) }
            }
        }
        if let token = sources.lazy.compactMap({ $0.token(for: server) }).first { return token }
        throw sources.first?.refusal(of: server)
            ?? Failure(
                .proxmoxToken, "there is no API token for Proxmox VE",
                remedy:
                    "make one on a node (pveum user token add USER@REALM TOKENID), write it as '\(server) USER@REALM!TOKENID=UUID' into a file of mode 0600 "
                    + "and name that in 'machine.proxmox.tokenFile', or set \(variable) to the same text")
    }

    /// The users who must not be able to read the file.
    private enum Refused: UInt32 { case others = 0o007, everybodyElse = 0o077 }

    /// More than any user's tokens need.
    private static let sizeLimit = 65_536

    private static func read(_ path: FilePath, as source: PVETokenSource, openTo refused: Refused) throws -> PVETokens {
        guard let status = Files.status(path) else {
            throw Failure(
                .proxmoxToken, "there is no file '\(path)' with an API token",
                remedy: "write a line HOST USER@REALM!TOKENID=UUID into it, and: chmod 0600 \(ShellWord.quoted(path.string))")
        }
        guard status.isRegularFile else { throw source.malformed }
        guard status.permissions & refused.rawValue == 0 else {
            throw Failure(.proxmoxToken, "the token in '\(path)' can be read by others than its owner", remedy: "chmod 0600 \(ShellWord.quoted(path.string))")
        }
        return try PVETokens(String(decoding: Files.read(path, atMost: sizeLimit), as: UTF8.self), source: source)
    }
}

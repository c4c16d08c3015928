internal import ApplianceModel
internal import HostSystem
internal import Quoting
package import SystemPackage

/// An API token of Proxmox VE: `USER@REALM!TOKENID=UUID`.
package struct PVEToken: Sendable {
    /// `USER@REALM`.
    package let user: String
    /// `USER@REALM!TOKENID`, which is no secret.
    package let identifier: String
    /// The whole token.
    let secret: Secret

    /// - Parameter source: where the text is from, for the message.
    /// - Throws: `proxmox.token`; the message never has the text.
    package init(_ text: String, source: String) throws {
        guard
            let parts = text.trimming().wholeMatch(
                of: /([^\s:\/!@=]+@[A-Za-z][A-Za-z0-9.\-_]+)!([A-Za-z][A-Za-z0-9.\-_]+)=([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})/)
        else {
            throw Failure(
                .proxmoxToken, "\(source) holds no API token of Proxmox VE",
                remedy: "it has to be one line USER@REALM!TOKENID=UUID, as 'pveum user token add USER@REALM TOKENID' prints its parts")
        }
        user = String(parts.1)
        identifier = "\(parts.1)!\(parts.2)"
        secret = Secret(text.trimming())
    }

    /// The variable that may hold a token.
    package static let variable = "PGKVM_PROXMOX_TOKEN"
    /// The name of a token among systemd's credentials.
    package static let credential = "pgkvm-proxmox-token"

    /// The token of a file, else of the environment, else of systemd's credentials.
    /// - Parameters:
    ///   - file: must be closed to everybody but its owner.
    ///   - environment: the value of a variable.
    /// - Throws: `proxmox.token`, `file.unreadable`.
    package static func find(file: FilePath?, environment: (String) -> String?) throws -> PVEToken {
        if let file { return try read(file) }
        if let text = environment(variable), !text.isEmpty { return try PVEToken(text, source: "the variable \(variable)") }
        if let directory = environment("CREDENTIALS_DIRECTORY"), directory.hasPrefix("/") {
            let path = FilePath(directory).appending(credential)
            // systemd gives them to a service by an access list, which shows as a right of the group.
            if Files.exists(path) { return try read(path, openTo: .others) }
        }
        throw Failure(
            .proxmoxToken, "there is no API token for Proxmox VE",
            remedy: "name its file in 'machine.proxmox.tokenFile', or set \(variable); 'pveum user token add USER@REALM TOKENID' on a node makes one")
    }

    /// Whose reading of the file is refused.
    private enum Refused: UInt32 { case others = 0o007, everybodyElse = 0o077 }

    private static func read(_ path: FilePath, openTo refused: Refused = .everybodyElse) throws -> PVEToken {
        guard let status = Files.status(path) else {
            throw Failure(.proxmoxToken, "there is no file '\(path)' with an API token", remedy: "write the token into it, and chmod 0600 it")
        }
        guard status.isRegularFile, status.permissions & refused.rawValue == 0 else {
            throw Failure(.proxmoxToken, "the token in '\(path)' can be read by others than its owner", remedy: "chmod 0600 \(ShellWord.quoted(path.string))")
        }
        return try PVEToken(Files.readText(path), source: "'\(path)'")
    }
}

extension String {
    /// Without blanks and line ends around it.
    func trimming() -> String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}

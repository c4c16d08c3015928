internal import Basics

/// An API token of Proxmox VE: `USER@REALM!TOKENID=UUID`.
package struct PVEToken: Sendable {
    /// `USER@REALM`.
    package let user: String
    /// `USER@REALM!TOKENID`, which is not secret.
    package let identifier: String
    /// The whole token.
    let secret: Secret

    /// - Parameter source: where the text comes from, for the message.
    /// - Throws: `proxmox.token`; the message never contains the text.
    package init(_ text: String, source: String) throws {
        guard
            let parts = text.trimming().wholeMatch(
                of: /([^\s:\/!@=]+@[A-Za-z][A-Za-z0-9.\-_]+)!([A-Za-z][A-Za-z0-9.\-_]+)=([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})/)
        else {
            throw Failure(
                .proxmoxToken, "\(source) holds something that is not an API token of Proxmox VE",
                remedy: "write a line HOST USER@REALM!TOKENID=UUID for each server; 'pveum user token add USER@REALM TOKENID' prints the parts of a token")
        }
        user = String(parts.1)
        identifier = "\(parts.1)!\(parts.2)"
        secret = Secret(text.trimming())
    }
}

extension String {
    /// Without surrounding blanks and line ends.
    func trimming() -> String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}

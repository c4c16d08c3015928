internal import ApplianceModel
internal import Basics
internal import CLibSSH2
internal import Glibc

extension SSHSession {
    /// The only methods that are offered to a server. The host key is always an ed25519 key, so that another type cannot be used to
    /// bypass a pinned key. Every relevant version of OpenSSH and libssh2 has counter mode with a separate MAC. The prefix truncation
    /// attack of 2023 ("Terrapin") does not affect it, unlike ChaCha20-Poly1305 and the -etm MACs.
    private static let methods: [(Int32, StaticString)] = [
        (LIBSSH2_METHOD_KEX, "curve25519-sha256,curve25519-sha256@libssh.org"),
        (LIBSSH2_METHOD_HOSTKEY, "ssh-ed25519"),
        (LIBSSH2_METHOD_CRYPT_CS, "aes128-ctr,aes256-ctr"),
        (LIBSSH2_METHOD_CRYPT_SC, "aes128-ctr,aes256-ctr"),
        (LIBSSH2_METHOD_MAC_CS, "hmac-sha2-256,hmac-sha2-512"),
        (LIBSSH2_METHOD_MAC_SC, "hmac-sha2-256,hmac-sha2-512"),
        (LIBSSH2_METHOD_COMP_CS, "none"),
        (LIBSSH2_METHOD_COMP_SC, "none"),
    ]

    /// Agrees on session keys with the server and verifies that it is the pinned one. The user's name and key are not sent.
    /// - Throws: `ssh.handshake-failed`, `ssh.host-key-mismatch`, `ssh.connection-lost`, `ssh.timed-out`.
    func handshake() throws {
        for (kind, names) in Self.methods {
            let code = unsafe libssh2_session_method_pref(raw, kind, names.description)
            guard code == 0 else { throw Failure(.sshHandshakeFailed, "this libssh2 has none of \(names)", cause: failure(code, "set algorithms").cause) }
        }
        do {
            try complete("agree on keys with the server") { Int(unsafe libssh2_session_handshake(raw, socket.rawValue)) }
        } catch let error as Failure where error.code == .sshProtocol {
            abandon()
            throw Failure(
                .sshHandshakeFailed, error.message,
                remedy: "the server must be an OpenSSH with an ed25519 host key, curve25519-sha256, aes-ctr and hmac-sha2", cause: error.cause)
        }
        try acceptHostKey()
    }

    /// - Parameters:
    ///   - privateKey: an unencrypted ed25519 key in OpenSSH's format.
    ///   - publicKey: the line of its `.pub` file.
    /// - Throws: `ssh.authentication-refused`, `ssh.connection-lost`, `ssh.timed-out`.
    func authenticate(user: String, privateKey: Secret, publicKey: String) throws {
        let operation = "log in as '\(user)'"
        let publicLine = publicKey.split(whereSeparator: \.isWhitespace).prefix(2).joined(separator: " ")
        do {
            _ = try privateKey.withRevealed { key in
                try complete(operation) {
                    Int(
                        unsafe libssh2_userauth_publickey_frommemory(
                            raw, user, user.utf8.count, publicLine, publicLine.utf8.count, key, key.utf8.count, nil))
                }
            }
        } catch let error as Failure where error.code == .sshProtocol {
            abandon()
            throw Failure(
                .sshAuthenticationRefused, "the server does not let '\(user)' in with the key of this appliance",
                remedy: "look at the guest's user, its authorized_keys and its sshd log", cause: error.cause)
        }
        liftLimit()
    }
}

internal import ApplianceModel
package import Basics
internal import CLibSSH2

extension Failure.Code {
    /// The connection ended or never came to be; a new one may work.
    package static let sshConnectionLost = Failure.Code("ssh.connection-lost")
    /// The time for an operation passed; its connection is closed.
    package static let sshTimedOut = Failure.Code("ssh.timed-out")
    /// The server showed another host key than the pinned ones; nothing of the user was sent.
    package static let sshHostKeyMismatch = Failure.Code("ssh.host-key-mismatch")
    /// The server speaks no SSH, or offers none of the algorithms that pgkvm takes.
    package static let sshHandshakeFailed = Failure.Code("ssh.handshake-failed")
    /// The server does not take the user's key.
    package static let sshAuthenticationRefused = Failure.Code("ssh.authentication-refused")
    /// The server refused a request, or the protocol broke.
    package static let sshProtocol = Failure.Code("ssh.protocol")
    /// A command ended with a status other than 0, or wrote more than can be kept.
    package static let sshCommandFailed = Failure.Code("ssh.command-failed")
    /// A file could not be put or fetched.
    package static let sshFileTransfer = Failure.Code("ssh.sftp")
    /// A remote unit ended with an error.
    package static let remoteUnitFailed = Failure.Code("ssh.unit-failed")
}

/// What libssh2 said, kept before its next call overwrites it.
struct LibraryError: Error, CustomStringConvertible {
    let code: Int32
    let text: String?
    var description: String { "libssh2: \(text ?? "error") (\(code))" }

    /// Whether the code itself says that the socket is gone; other codes may hide that.
    var isConnectionLoss: Bool {
        [LIBSSH2_ERROR_SOCKET_SEND, LIBSSH2_ERROR_SOCKET_DISCONNECT, LIBSSH2_ERROR_SOCKET_RECV, LIBSSH2_ERROR_SOCKET_TIMEOUT, LIBSSH2_ERROR_BAD_SOCKET]
            .contains(code)
    }
}

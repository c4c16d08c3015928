internal import ApplianceModel
package import Basics
internal import CLibSSH2

extension Failure.Code {
    /// The connection ended or was never established; a new one may work.
    package static let sshConnectionLost = Failure.Code("ssh.connection-lost")
    /// The time limit of an operation passed; its connection is closed.
    package static let sshTimedOut = Failure.Code("ssh.timed-out")
    /// The server presented a host key that is not pinned; none of the user's data was sent.
    package static let sshHostKeyMismatch = Failure.Code("ssh.host-key-mismatch")
    /// The server does not speak SSH, or does not offer any of the algorithms that pgkvm accepts.
    package static let sshHandshakeFailed = Failure.Code("ssh.handshake-failed")
    /// The server does not accept the user's key.
    package static let sshAuthenticationRefused = Failure.Code("ssh.authentication-refused")
    /// The server refused a request, or violated the protocol.
    package static let sshProtocol = Failure.Code("ssh.protocol")
    /// A command ended with a status other than 0, or wrote more output than can be kept.
    package static let sshCommandFailed = Failure.Code("ssh.command-failed")
    /// A file could not be uploaded or downloaded.
    package static let sshFileTransfer = Failure.Code("ssh.sftp")
    /// A remote unit ended with an error.
    package static let remoteUnitFailed = Failure.Code("ssh.unit-failed")
}

/// libssh2's error, saved before its next call overwrites it.
struct LibraryError: Error, CustomStringConvertible {
    let code: Int32
    let text: String?
    var description: String { "libssh2: \(text ?? "error") (\(code))" }

    /// Whether the code itself means that the socket is gone; other codes may hide that.
    var isConnectionLoss: Bool {
        [LIBSSH2_ERROR_SOCKET_SEND, LIBSSH2_ERROR_SOCKET_DISCONNECT, LIBSSH2_ERROR_SOCKET_RECV, LIBSSH2_ERROR_SOCKET_TIMEOUT, LIBSSH2_ERROR_BAD_SOCKET]
            .contains(code)
    }
}

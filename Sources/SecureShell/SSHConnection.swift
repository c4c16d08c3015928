internal import ApplianceModel
package import Basics
package import SystemPackage

/// A connection to a server whose host key is known beforehand: only pinned keys are accepted, and there is no way to accept another.
///
/// Operations run one after another. Cancelling an operation, or running into its time limit, ends the connection; then open another one.
package actor SSHConnection: RemoteShell {
    private let executor = BlockingExecutor()
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let socket: SSHSocket
    private var session: SSHSession?
    nonisolated let terminalSize: TerminalSize

    private init(socket: SSHSocket) throws {
        self.socket = socket
        terminalSize = try TerminalSize()
    }

    /// Performs the handshake, compares the host key byte by byte, and only then logs in.
    /// - Parameters:
    ///   - socket: connected to the server; the connection owns it from now on, even when this throws.
    ///   - hostKeys: the keys that the server may present (two while a key is being changed).
    ///   - privateKey: the text of an unencrypted ed25519 key in OpenSSH's format.
    ///   - publicKey: the line of its `.pub` file.
    ///   - timeout: the limit for the whole call.
    ///   - answerLimit: the limit for the answer to one request of a file transfer. An emulated guest under load needs a few seconds.
    /// - Throws: `ssh.host-key-mismatch`, `ssh.handshake-failed`, `ssh.authentication-refused`, `ssh.connection-lost`, `ssh.timed-out`,
    ///   `CancellationError`.
    package static func open(
        socket: FileDescriptor, hostKeys: [HostKey], user: String, privateKey: Secret, publicKey: String, timeout: Duration,
        answerLimit: Duration = .seconds(60)
    ) async throws -> SSHConnection {
        let connection = try SSHConnection(socket: SSHSocket(socket))
        do {
            try await connection.establish(
                hostKeys: hostKeys, user: user, privateKey: privateKey, publicKey: publicKey, timeout: timeout, answerLimit: answerLimit)
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }

    private func establish(
        hostKeys: [HostKey], user: String, privateKey: Secret, publicKey: String, timeout: Duration, answerLimit: Duration
    ) async throws {
        session = try SSHSession(socket: socket, hostKeys: hostKeys, answerLimit: answerLimit)
        try await perform(timeout: timeout) { session in
            try session.handshake()
            try session.authenticate(user: user, privateKey: privateKey, publicKey: publicKey)
        }
    }

    package func run(_ command: ShellCommand, input: [UInt8], timeout: Duration) async throws -> ShellResult {
        try await perform(timeout: timeout) { try $0.run(command, input: input) }
    }

    /// Ends the connection. Commands that still run in the guest continue without it.
    package func close() {
        session = nil
        socket.close()
    }

    /// Runs an operation on the session. It blocks this actor's queue, so no other operation can run in between.
    func perform<Result: Sendable>(timeout: Duration?, _ body: (SSHSession) throws -> Result) async throws -> Result {
        try Task.checkCancellation()
        guard let session else {
            throw Failure(.sshConnectionLost, "the SSH connection is closed", remedy: "run the command again")
        }
        return try await withTaskCancellationHandler {
            do {
                session.begin(timeout: timeout)
                return try body(session)
            } catch {
                if session.isBroken || Task.isCancelled { close() }
                // After the socket was shut down to end the wait, the operation may fail in any way.
                try Task.checkCancellation()
                throw error
            }
        } onCancel: {
            socket.shutDown()
        }
    }
}

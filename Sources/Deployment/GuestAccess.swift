package import ApplianceModel
package import SecureShell

/// Access to a guest. The connection is opened when it is first needed, and again after it was lost.
package protocol GuestAccess: RemoteShell {
    /// Makes sure that there is a connection on which the guest has proved its pinned key.
    /// - Parameter timeout: the limit for one attempt.
    /// - Throws: `ssh.no-pinned-key`, `ssh.host-key-mismatch`, `ssh.timed-out`, `socket.refused`, and the errors of the closure that finds the
    ///   guest's address.
    func connect(timeout: Duration) async throws
    /// Closes the connection; the next use opens another.
    func close() async
}

/// Creates the access to the guest of an appliance.
/// - Parameters: the appliance's directory, which holds the keys; and the closure that finds where the guest listens for SSH.
package typealias GuestOpening = @Sendable (ApplianceDirectory, @escaping @Sendable () async throws -> Endpoint) -> any GuestAccess

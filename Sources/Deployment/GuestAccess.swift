package import ApplianceModel
package import SecureShell

/// The way into a guest: opened when it is first needed, and again after it was lost.
package protocol GuestAccess: RemoteShell {
    /// Makes sure that there is a connection, over which the guest has shown its pinned key.
    /// - Parameter timeout: of one attempt.
    /// - Throws: `ssh.no-pinned-key`, `ssh.host-key-mismatch`, `ssh.timed-out`, `socket.refused`, and what tells the guest's address throws.
    func connect(timeout: Duration) async throws
    /// Ends the connection; the next use opens another.
    func close() async
}

/// Makes the way into the guest of an appliance.
/// - Parameters: the appliance's directory, which holds the keys; and what tells where the guest listens for SSH.
package typealias GuestOpening = @Sendable (ApplianceDirectory, @escaping @Sendable () async throws -> Endpoint) -> any GuestAccess

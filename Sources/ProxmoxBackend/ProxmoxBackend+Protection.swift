internal import ApplianceModel

/// The server's own protection against deleting a machine, so that a click or a command that was meant for another machine does not delete
/// a database. pgkvm sets it once there is something to protect, and `pgkvm delete` lifts it.
extension ProxmoxBackend {
    /// Applies only to a machine whose notes say that pgkvm manages its protection.
    func protect(_ isProtected: Bool, _ machine: FoundMachine, _ client: PVEClient) async throws {
        guard machine.config.isProtectionOurs, machine.config.isProtected != isProtected else { return }
        _ = try await client.data(.configure(machine.place, ["protection": isProtected ? "1" : "0"], privilege: "VM.Config.Options"))
    }
}

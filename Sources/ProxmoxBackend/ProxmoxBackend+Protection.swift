internal import ApplianceModel

/// The server's own protection against a machine's deletion, so that the click or the line that was meant for another machine does not take
/// a database. It is set once there is something to protect, and lifted by `pgkvm delete`.
extension ProxmoxBackend {
    /// Of a machine whose notes say that this is pgkvm's to do.
    func protect(_ isProtected: Bool, _ machine: FoundMachine, _ client: PVEClient) async throws {
        guard machine.config.isProtectionOurs, machine.config.isProtected != isProtected else { return }
        _ = try await client.data(.configure(machine.place, ["protection": isProtected ? "1" : "0"], privilege: "VM.Config.Options"))
    }
}

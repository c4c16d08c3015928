package import ApplianceModel

/// A backend whose platform can start a machine on another host when the machine's own host fails. The spec that the backend was made from
/// says whether the platform should do so.
package protocol HighAvailabilityProviding: Sendable {
    /// Whether the platform manages the machine where the spec wants it, and does not where only pgkvm had set that up.
    func isAvailabilityAsWanted(for machine: MachineReference) async throws -> Bool
    /// What another host would find when it starts the machine, as the check `host.availability`; nil where the spec does not ask for it.
    /// A failure is a reason to refuse the registration.
    func examineAvailability(of machine: MachineReference) async throws -> Finding?
    /// Sets up what the spec wants, for a machine that has had its first boot.
    func settleAvailability(of machine: MachineReference) async throws
}

extension HighAvailabilityProviding {
    /// What to report before it is settled; nil where it is settled.
    package func examineChange(of machine: MachineReference) async throws -> Finding? {
        try await isAvailabilityAsWanted(for: machine) ? nil : examineAvailability(of: machine)
    }
}

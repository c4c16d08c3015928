package import ApplianceModel

/// A backend whose platform can start a machine on another host when its own one fails. Whether it is to do so is in the spec that the
/// backend was made from.
package protocol HighAvailabilityProviding: Sendable {
    /// Whether the platform does so where the spec wants it, and does not where pgkvm alone has brought it about.
    func isAvailabilityAsWanted(for machine: MachineReference) async throws -> Bool
    /// What another host would find of the machine, as the check `host.availability`; nil where the spec does not ask for it.
    /// A failure is what a registration would be refused for.
    func examineAvailability(of machine: MachineReference) async throws -> Finding?
    /// Brings about what the spec wants, for a machine that has had its first boot.
    func settleAvailability(of machine: MachineReference) async throws
}

extension HighAvailabilityProviding {
    /// What there is to say before it is settled; nil where it is settled.
    package func examineChange(of machine: MachineReference) async throws -> Finding? {
        try await isAvailabilityAsWanted(for: machine) ? nil : examineAvailability(of: machine)
    }
}

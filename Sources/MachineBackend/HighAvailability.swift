/// A backend whose platform can start a machine on another host when its own one fails. Whether it is to do so is in the spec that the
/// backend was made from.
package protocol HighAvailabilityProviding: Sendable {
    /// Whether the platform does so where the spec wants it, and does not where pgkvm alone has brought it about.
    func isAvailabilityAsWanted(for machine: MachineReference) async throws -> Bool
    /// Brings that about, for a machine that has had its first boot.
    func settleAvailability(of machine: MachineReference) async throws
}

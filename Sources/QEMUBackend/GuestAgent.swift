internal import ApplianceModel
internal import Basics
internal import MachineBackend
internal import SystemPackage

/// What the agent in a guest is asked: where the guest is.
///
/// The guest answers for itself, and may say what it likes. Nothing is believed but an address to knock at: who opens there has to
/// have the guest's pinned key.
struct GuestAgent {
    /// The socket by which QEMU leads to it.
    let socket: FilePath

    /// The guest's IPv4 address on the card with this MAC address; nil while no agent answers, or the card has no address.
    func address(of macAddress: String) async throws -> IPv4Address? {
        do {
            guard let agent = try await QMPClient.connectToAgent(socket, timeout: .seconds(2)) else { return nil }
            return GuestCards.address(of: macAddress, in: try await agent.execute("guest-network-get-interfaces"))
        } catch let error as Failure where [.monitorUnresponsive, .monitorRefused].contains(error.code) {
            return nil
        }
    }
}

internal import ApplianceModel
internal import Basics
internal import MachineBackend
internal import SystemPackage

/// Asks the agent in a guest for the guest's address.
///
/// The guest answers for itself, and may give any answer. The answer is used only as an address to connect to: the server at that address
/// must have the guest's pinned key.
struct GuestAgent {
    /// The socket through which QEMU connects to it.
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

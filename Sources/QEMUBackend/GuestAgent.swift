internal import ApplianceModel
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
            return Self.address(of: macAddress, in: try await agent.execute("guest-network-get-interfaces"))
        } catch let error as Failure where [.monitorUnresponsive, .monitorRefused].contains(error.code) {
            return nil
        }
    }

    /// - Parameter cards: what `guest-network-get-interfaces` returned.
    static func address(of macAddress: String, in cards: JSONValue) -> IPv4Address? {
        let own = cards.array?.first { $0["hardware-address"]?.string?.lowercased() == macAddress.lowercased() }
        let addresses = own?["ip-addresses"]?.array ?? []
        return addresses.lazy.filter { $0["ip-address-type"]?.string == "ipv4" }.compactMap { $0["ip-address"]?.string.flatMap { IPv4Address($0) } }
            // What a card gives itself when nobody else does.
            .first { IPv4Network("169.254.0.0/16")?.contains($0) == false }
    }
}

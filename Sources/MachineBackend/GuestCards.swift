package import ApplianceModel
package import Basics

/// What an agent in the guest reports about the guest's network cards.
package enum GuestCards {
    /// The guest's IPv4 address on the card with this MAC address; nil when that card does not have one.
    /// - Parameter cards: what `guest-network-get-interfaces` returned.
    package static func address(of macAddress: String, in cards: JSONValue) -> IPv4Address? {
        let own = cards.array?.first { $0["hardware-address"]?.string?.lowercased() == macAddress.lowercased() }
        let addresses = own?["ip-addresses"]?.array ?? []
        return addresses.lazy.filter { $0["ip-address-type"]?.string == "ipv4" }.compactMap { $0["ip-address"]?.string.flatMap { IPv4Address($0) } }
            // The address that a card assigns itself when no one else assigns one.
            .first { IPv4Network("169.254.0.0/16")?.contains($0) == false }
    }
}

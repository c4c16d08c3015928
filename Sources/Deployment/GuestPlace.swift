internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import SecureShell
internal import Workflow

/// Where guest and host find each other: addresses, or descriptions as long as there are no addresses.
struct GuestPlace: Sendable, Equatable, Codable {
    /// The guest's own address.
    let guest: String
    /// The address with which the guest sees this host.
    let host: String

    static let userNetworking = GuestPlace(guest: "\(UserNetworking.guest)", host: "\(UserNetworking.gateway)")

    /// The place before there is a guest, from its spec and the host's routes.
    static func planned(_ network: ApplianceSpec.Network) -> GuestPlace {
        guard network.mode != .user else { return .userNetworking }
        guard case .own(let own) = network.address else {
            return GuestPlace(guest: "<address of the guest, given by DHCP>", host: "<address of this host, as the guest sees it>")
        }
        return GuestPlace(guest: "\(own.address)", host: Sockets.sourceAddress(toward: own.address)?.description ?? "<address of this host>")
    }
}

extension DeploymentContext {
    /// Where they find each other now. A guest that is off, and was configured, keeps its last place.
    /// - Throws: `guest.no-address`.
    func guestPlace() async throws -> GuestPlace {
        guard spec.network.mode != .user else { return .userNetworking }
        let guest: String
        do {
            guest = try await postgresqlEndpoint().host
        } catch let error as Failure where error.code == .guestNoAddress {
            guard let place = try await journal.fact(ConfigurationFact.self)?.place else { throw error }
            return place
        }
        return GuestPlace(guest: guest, host: try await hostAsSeen(byGuestAt: guest))
    }

    /// The guest knows best with which address it sees this host, because a gateway between the two may translate addresses. If the guest does not
    /// answer, the address is the one recorded when it was configured, or else the one from this host's routes.
    private func hostAsSeen(byGuestAt guest: String) async throws -> String {
        do {
            if let seen = try await self.guest.clientAddress() { return "\(seen)" }
        } catch is Failure {
            if let place = try await journal.fact(ConfigurationFact.self)?.place, place.guest == guest { return place.host }
        }
        guard let address = IPv4Address(guest), let host = Sockets.sourceAddress(toward: address) else {
            throw Failure(.socketUnreachable, "this host has no route to the guest at \(guest)", remedy: "ip route get \(guest)")
        }
        return "\(host)"
    }
}

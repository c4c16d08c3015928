package import ApplianceModel

/// The identity of a guest, and who may log in to it.
package struct GuestIdentity: Sendable, Equatable {
    /// The account that pgkvm uses in every guest.
    package static let defaultUserName = "pgkvm"

    /// 1 to 64 letters, digits, dots, underscores and hyphens. A different one makes cloud-init run the first boot again.
    package var instanceID: String
    package var hostname: ApplianceName
    /// 1 to 32 lower-case letters, digits, underscores and hyphens.
    package var userName: String
    /// The only key that may log in, as an authorized_keys line.
    package var authorizedKey: String
    /// The host key for the first contact; later replaced by one that the guest makes itself.
    package var hostKey: SSHKeyPair

    package init(
        instanceID: String, hostname: ApplianceName, userName: String = defaultUserName, authorizedKey: String, hostKey: SSHKeyPair
    ) {
        self.instanceID = instanceID
        self.hostname = hostname
        self.userName = userName
        self.authorizedKey = authorizedKey
        self.hostKey = hostKey
    }
}

/// The one network interface of a guest.
package struct GuestNetwork: Sendable, Equatable {
    /// Six pairs of lower-case hexadecimal digits with colons.
    package var macAddress: String
    package var address: Address

    package enum Address: Sendable, Equatable {
        /// The guest gets its address by DHCP.
        case dhcp
        case `static`(StaticAddress)
    }

    package init(macAddress: String, address: Address) {
        self.macAddress = macAddress
        self.address = address
    }
}

/// An IPv4 address that is configured in the guest itself.
package struct StaticAddress: Sendable, Equatable {
    package var address: IPv4Address
    /// 1 to 32.
    package var prefixLength: Int
    /// Nil for a guest that reaches only its own network.
    package var gateway: IPv4Address?
    package var nameServers: [IPv4Address]

    package init(address: IPv4Address, prefixLength: Int, gateway: IPv4Address?, nameServers: [IPv4Address]) {
        self.address = address
        self.prefixLength = prefixLength
        self.gateway = gateway
        self.nameServers = nameServers
    }

    /// The address that user networking plans for its guest.
    package static let userNetworking = StaticAddress(
        address: UserNetworking.guest, prefixLength: UserNetworking.prefixLength, gateway: UserNetworking.gateway, nameServers: [UserNetworking.nameServer])

    var cidr: String { "\(address)/\(prefixLength)" }
}

/// The small network that user networking creates for its guest, the same with passt and with QEMU's own.
package enum UserNetworking {
    /// The guest's own address.
    package static let guest = IPv4Address(10, 0, 2, 15)
    package static let prefixLength = 24
    /// The router, and this host as the guest sees it.
    package static let gateway = IPv4Address(10, 0, 2, 2)
    package static let nameServer = IPv4Address(10, 0, 2, 3)
}

package import ApplianceModel

/// Whose packets reach the guest's server: `nftables.conf`.
package enum PacketFilter {
    /// In the guest, where Debian's unit reads it at each boot.
    package static let path = "/etc/nftables.conf"

    /// The rules of a guest that others than its host can reach: SSH for everybody, PostgreSQL for this host and the spec's networks.
    /// - Parameters:
    ///   - host: the address with which the guest sees this host.
    ///   - port: the server's.
    /// - Throws: `template.invalid`.
    package static func render(host: String, allowFrom: [IPv4Network], port: UInt16, templates: Templates = Templates()) throws -> String {
        // One rule a network: a set would refuse networks that lie in each other.
        let rules = ([host] + allowFrom.map(\.description)).map { ["network": $0] }
        return try templates.render("postgresql/nftables.conf", ["formatVersion": RenderedFile.formatVersion, "rules": rules, "port": port])
    }
}

package import ApplianceModel

/// Which packets reach the guest's server: `nftables.conf`.
package enum PacketFilter {
    /// The path in the guest, where Debian's unit reads it at each boot.
    package static let path = "/etc/nftables.conf"

    /// The rules of a guest that hosts other than its own can reach: SSH for all hosts, PostgreSQL for this host and the spec's networks.
    /// - Parameters:
    ///   - host: the address with which the guest sees this host.
    ///   - port: the server's port.
    /// - Throws: `template.invalid`.
    package static func render(host: String, allowFrom: [IPv4Network], port: UInt16, templates: Templates = Templates()) throws -> String {
        // One rule for each network: a set would refuse networks that contain one another.
        let rules = ([host] + allowFrom.map(\.description)).map { ["network": $0] }
        return try templates.render("postgresql/nftables.conf", ["formatVersion": RenderedFile.formatVersion, "rules": rules, "port": port])
    }
}

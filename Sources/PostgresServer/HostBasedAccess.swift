package import ApplianceModel
internal import Basics
internal import Quoting

/// Which clients may connect from where: `pg_hba.conf`.
package enum HostBasedAccess {
    /// The address from which the host's connections arrive under user networking.
    package static let userNetworkGateway = "\(UserNetworking.gateway)/32"

    /// What is wrong with the networks of a spec, one fragment each; empty if nothing is.
    ///
    /// Under user networking only the host's loopback interface is forwarded, and the guest sees every client as the gateway: no other host could
    /// connect, and the server could not tell clients apart.
    package static func faults(mode: ApplianceSpec.Network.Mode, allowFrom: [IPv4Network]) -> [String] {
        switch mode {
        case .user:
            allowFrom.filter { !SpecRules.isThisHost($0) }.map {
                "postgresql.allowFrom: \($0) cannot be reached under user networking, which forwards only this host's loopback interface; "
                    + "leave it out (clients on this host are let in) or use an SSH tunnel"
            }
        case .bridge, .tap, .nat: []
        }
    }

    /// - Parameters:
    ///   - host: the address with which the guest sees this host; nil under user networking, where it is the gateway's.
    ///   - replicating: the roles that may stream the WAL from every address from which they may connect.
    ///   - version: the major version of PostgreSQL, which decides how a role's name is written.
    static func render(
        mode: ApplianceSpec.Network.Mode, allowFrom: [IPv4Network], host: String?, replicating: [String], version: Int, templates: Templates
    ) throws -> RenderedFile {
        // Under user networking this host appears as the gateway, which has its own line.
        let networks = allowFrom.filter { mode != .user || !SpecRules.isThisHost($0) }.map(\.description)
        let hostNetwork = host.map { "\($0)/32" }
        let open = ["127.0.0.1/32", "::1/128"] + (mode == .user ? [userNetworkGateway] : []) + (hostNetwork.map { [$0] } ?? []) + networks
        var values: [String: Any] = [
            "formatVersion": RenderedFile.formatVersion, "userNetworking": mode == .user, "gateway": userNetworkGateway.padded(to: 18),
            "networks": networks.map { $0.padded(to: 18) },
            "replicating": replicating.map { role -> [String: Any] in
                let name = AccessFileRole(role, version: version).text
                return ["lines": open.map { ["role": name.padded(to: 9), "network": $0.padded(to: 18)] }]
            },
        ]
        if let hostNetwork { values["host"] = hostNetwork.padded(to: 18) }
        return RenderedFile(path: "pg_hba.conf", text: try templates.render("postgresql/pg_hba.conf", values))
    }
}

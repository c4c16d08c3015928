internal import ApplianceModel
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import SpecFile

/// How clients reach the guest.
struct NetworkStop: Stop {
    let id = StopID.network
    let title = "the network (virtio-net)"

    func text(_ situation: Situation) -> StopText {
        let network = situation.spec.network
        return StopText(
            what: Self.what(network),
            why: "The virtio card moves whole buffers where an emulated one moves registers. The 10 Gbit/s that are often promised are a property of "
                + "bridge, vhost and host, not of the card: 'pgkvm verify' measures what this path carries.",
            found: situation.plan.ports.map { port in
                switch port.state {
                case .open: "\(port.service): a free port of \(port.address), chosen at the deployment and kept"
                case .free: "\(port.service): \(port.address):\(port.port ?? 0), free"
                case .taken: "\(port.service): \(port.address):\(port.port ?? 0), in use by something else"
                case .kept: "\(port.service): \(port.address):\(port.port ?? 0), kept"
                }
            },
            recommended: network.mode == .user
                ? "leave the ports open and take dhcp. Clients keep their connection strings: a port is chosen once and stays."
                : "give the guest an address of its own: one that DHCP gives may change, and clients have it in their connection strings.",
            alternatives: network.mode == .user
                ? [
                    "A port of your own: refused when it is in use.",
                    "A bridge or a tap device: other hosts reach the guest. Write 'network.mode' and 'network.device' into a spec file and guide that.",
                    "Every user of this host reaches the ports; TLS and a password stand behind them.",
                ] : ["User networking: reached from this host only, and nobody needs rights."])
    }

    private static func what(_ network: ApplianceSpec.Network) -> String {
        switch network.mode {
        case .user: "One virtio network card and user networking: the guest is reached through two ports of this host's 127.0.0.1, SSH and PostgreSQL."
        case .bridge: "One virtio network card on the host's bridge '\(network.device ?? "")': the guest is a host among those of that network."
        case .nat: "One virtio network card on libvirt's network '\(network.device ?? "")': libvirt gives the guest its address."
        case .tap: "One virtio network card, whose other end is the host's tap device '\(network.device ?? "")'."
        }
    }

    func questions(_ situation: Situation) -> [Question] {
        let network = situation.spec.network
        let address = Question("Guest's address", key: "network.address", present: "\(network.address)")
        guard network.mode == .user else { return [address] }
        return [
            Question("PostgreSQL's port", key: "network.postgresqlPort", present: network.postgresqlPort.map { "\($0)" }, unset: "open"),
            Question("SSH port", key: "network.sshPort", present: network.sshPort.map { "\($0)" }, unset: "open"), address,
        ]
    }
}

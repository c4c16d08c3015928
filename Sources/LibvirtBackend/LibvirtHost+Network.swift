internal import ApplianceModel
internal import Basics
internal import HostSystem

extension LibvirtHost {
    /// libvirt accepts any name in the definition, and notices a missing device only at the start.
    func checkNetwork(_ network: ApplianceSpec.Network) async throws {
        guard let device = network.device else { return }
        switch network.mode {
        case .user, .tap: break
        case .bridge where choice.isThisHost:
            // A session's machines run as the caller; root connects the machines of the system's daemon.
            try (choice.isSession ? HostNetwork() : HostNetwork(isRoot: true)).check(.bridge, device)
        case .bridge: try await checkBridge(device)
        case .nat: try await checkOwnNetwork(device)
        }
    }

    /// A bridge on another host, as far as its daemon lists network devices.
    private func checkBridge(_ device: String) async throws {
        let text: String?
        do {
            text = try await virsh.runIfFound(["iface-dumpxml", device])
        } catch let error as Failure where error.code == .libvirtRefused {
            return
        }
        guard text?.contains("<interface type='bridge'") != true else { return }
        throw Failure(
            .libvirtNetwork, "network.device: the host of '\(choice.uri)' has no bridge '\(device)'",
            remedy: "there, as root: ip link add name \(device) type bridge && ip link set dev \(device) up, and add the card that leads outside")
    }

    /// A network that libvirt manages.
    private func checkOwnNetwork(_ name: String) async throws {
        guard let text = try await virsh.runIfFound(["net-info", name]) else {
            throw Failure(
                .libvirtNetwork, "network.device: libvirt at '\(choice.uri)' has no network '\(name)'",
                remedy: "choose one of: \(virsh.lines("net-list --all --name"))")
        }
        guard Virsh.value("Active", in: text) == "yes" else {
            throw Failure(.libvirtNetwork, "libvirt's network '\(name)' is not active", remedy: virsh.lines("net-start \(name)", "net-autostart \(name)"))
        }
        guard !choice.isThisHost, case let xml = try await virsh.run(["net-dumpxml", name]), !Self.isReachedFromOutside(xml) else { return }
        throw Failure(
            .libvirtNetwork, "network.device: the guests of libvirt's network '\(name)' are reached from the host of '\(choice.uri)' only",
            remedy: "name a network of it that is routed or open, or a bridge (network.mode: bridge)")
    }

    /// Whether other hosts can open connections to the guests of a network: they cannot behind NAT, or where nothing is forwarded.
    static func isReachedFromOutside(_ xml: String) -> Bool {
        guard let mode = xml.firstMatch(of: #/<forward\b[^>]*?\bmode='([a-z]+)'/#) else { return false }
        return mode.1 != "nat"
    }
}

internal import ApplianceModel
internal import Basics
package import MachineBackend

/// Machines that start with their node, using Proxmox's own `onboot`. The HA manager starts a machine that is under HA.
extension ProxmoxBackend: AutostartProviding {
    package func autostart(of machine: MachineReference) async throws -> Autostart {
        let client = try client()
        let found = try await existing(machine, client)
        if try await status(found, client).isManaged { return .on(unit: "vm:\(found.place.vmid) of the HA manager") }
        return found.config.data["onboot"]?.flag == true ? .on(unit: "'onboot' of VM \(found.place.vmid)") : .off
    }

    package func setAutostart(_ isOn: Bool, of machine: MachineReference) async throws {
        let client = try client()
        let found = try await existing(machine, client)
        guard try await !status(found, client).isManaged else {
            if isOn { return }
            throw Failure(
                .unsupported, "VM \(found.place.vmid) is under HA, and the HA manager starts it",
                remedy: "take it out first: ha-manager remove vm:\(found.place.vmid)")
        }
        try await startWithNode(isOn, found, client)
    }

    /// Sets the option that applies to a machine that is not under HA.
    func startWithNode(_ isOn: Bool, _ machine: FoundMachine, _ client: PVEClient) async throws {
        guard (machine.config.data["onboot"]?.flag == true) != isOn else { return }
        _ = try await client.data(.configure(machine.place, ["onboot": isOn ? "1" : "0"], privilege: "VM.Config.Options"))
    }
}

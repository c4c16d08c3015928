internal import ApplianceModel
internal import Basics
package import MachineBackend

/// Domains that the daemon starts with its host.
extension LibvirtBackend: AutostartProviding {
    package func autostart(of machine: MachineReference) async throws -> Autostart {
        let isOn = Virsh.value("Autostart", in: try await virsh.run(["dominfo", domain(of: machine)])) == "enable"
        guard isOn || choice.isSession else { return .off }
        if let obstacle = try await obstacle(machine) { return .unavailable(reason: obstacle.reason, remedy: obstacle.remedy) }
        return .on(unit: "libvirt's autostart at '\(choice.uri)'")
    }

    /// The domain's own setting is made in any case, so that the remedy only has to complete it.
    package func setAutostart(_ isOn: Bool, of machine: MachineReference) async throws {
        try await virsh.run(["autostart", domain(of: machine)] + (isOn ? [] : ["--disable"]))
        guard isOn, let obstacle = try await obstacle(machine) else { return }
        throw Failure(.autostartUnavailable, obstacle.reason, remedy: obstacle.remedy)
    }

    /// Why the machine would not start although its autostart is set: libvirt does not start a network or a pool because a machine needs it.
    private func obstacle(_ machine: MachineReference) async throws -> (reason: String, remedy: String)? {
        if choice.isSession { return ("a session's daemon does not start with its host", "use a system's daemon (machine.libvirt.uri)") }
        let network = try load(machine).spec.network
        if network.mode == .nat, let name = network.device, Virsh.value("Autostart", in: try await virsh.run(["net-info", name])) != "yes" {
            return ("libvirt's network '\(name)' does not start with its host", virsh.lines("net-autostart \(name)"))
        }
        // A directory exists whether its pool is active or not; a file system of the pool is mounted only when the pool starts.
        let isDirectory = try await virsh.run(["pool-dumpxml", choice.pool]).contains("<pool type='dir'")
        if !isDirectory, Virsh.value("Autostart", in: try await volumes.info()) != "yes" {
            return ("the storage pool '\(choice.pool)' does not start with its host", virsh.lines("pool-autostart \(choice.pool)"))
        }
        return nil
    }
}

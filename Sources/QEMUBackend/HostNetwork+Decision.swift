internal import ApplianceModel
internal import HostSystem
internal import MachineBackend

extension HostNetwork {
    /// The network of a machine: as many queues as it has processors, where the device supports that, and vhost where the kernel has it.
    func decide(_ network: ApplianceSpec.Network, vcpus: Int, macAddress: String) throws -> NetworkDecision {
        try check(network.mode, network.device)
        let device = network.device ?? ""
        var address: IPv4Address?
        if case .own(let own) = network.address { address = own.address }
        return NetworkDecision(
            mode: network.mode, macAddress: macAddress, sshPort: GuestService.ssh.port, postgresqlPort: GuestService.postgresql.port, device: device,
            address: address, queues: hasQueues(network.mode, device) ? min(vcpus, TapDevice.mostQueues) : 1, usesVhost: canUseVhost)
    }
}

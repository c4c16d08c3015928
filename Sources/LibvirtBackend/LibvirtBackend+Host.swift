package import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend
internal import SystemPackage

/// Examining the host and deciding before anything is created.
extension LibvirtBackend {
    var host: LibvirtHost { LibvirtHost(choice: choice, state: state, isOffline: isOffline) }

    package func checkHost(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> HostReport {
        let found = await host.examine(spec)
        if let failure = found.failures.first { throw failure }
        guard let accelerator = found.accelerator else { throw Failure(.machineProbeFailed, "no accelerator was decided") }
        return HostReport(accelerator: accelerator, findings: found.findings)
    }

    package func decideDisks(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> (DiskDecision, [Finding]) {
        try await host.disks(vcpus: spec.machine.vcpus)
    }

    package func decideNetwork(_ spec: ApplianceSpec, deployment: DeploymentID, at place: MachinePlace?) async throws -> NetworkDecision {
        if let own = try LibvirtMachine.load(from: state.appliance(spec.name).machine()), own.spec.deployment == deployment { return own.spec.network }
        try await host.checkNetwork(spec.network)
        let others = try PromisedNetworks(in: state)
        try others.checkAddress(spec.network)
        guard spec.network.mode == .user else { return onNetwork(spec, macAddress: deployment.macAddress) }
        let ports = try others.pickPorts(spec.network)
        return NetworkDecision(mode: .user, macAddress: deployment.macAddress, sshPort: ports.ssh, postgresqlPort: ports.postgresql)
    }

    /// The decision for a guest that is a host on a network.
    func onNetwork(_ spec: ApplianceSpec, macAddress: String) -> NetworkDecision {
        var address: IPv4Address?
        if case .own(let own) = spec.network.address { address = own.address }
        return NetworkDecision(
            mode: spec.network.mode, macAddress: macAddress, sshPort: GuestService.ssh.port, postgresqlPort: GuestService.postgresql.port,
            device: spec.network.device, address: address, queues: min(spec.machine.vcpus, 8))
    }
}

/// What would be done, without doing any of it.
extension LibvirtBackend: MachinePlanning {
    package var lookingOnly: any MachineBackend { self }

    package var offline: any MachineBackend {
        var copy = self
        copy.isOffline = true
        return copy
    }

    package func forecast(_ spec: ApplianceSpec) async throws -> HostForecast {
        guard !isOffline || !virsh.isRemote else { return try offlineForecast(spec) }
        let found = await host.examine(spec)
        let disks = try? await host.disks(vcpus: spec.machine.vcpus)
        let refusals = found.failures.map {
            Finding(check: "host.usable", level: .fail, measured: $0.message, expected: "a host that can run the guest", remedy: $0.remedy)
        }
        return HostForecast(
            accelerator: found.accelerator, findings: found.findings + (disks?.1 ?? []) + refusals, resources: found.resources, disk: disks?.0,
            ports: try ports(spec), network: spec.network.mode == .user ? nil : onNetwork(spec, macAddress: ""))
    }

    /// The forecast for another host, as far as it is possible without contacting that host.
    private func offlineForecast(_ spec: ApplianceSpec) throws -> HostForecast {
        let finding = Finding(
            check: "host.libvirt", level: .skip, measured: "libvirt at '\(choice.uri)' was not asked", expected: "libvirt 9.0 or later",
            remedy: "plan without --offline")
        return HostForecast(
            accelerator: nil, findings: [finding], resources: [], disk: nil, ports: try ports(spec),
            network: spec.network.mode == .user ? nil : onNetwork(spec, macAddress: ""))
    }

    private func ports(_ spec: ApplianceSpec) throws -> [PlannedPort] {
        let own = try LibvirtMachine.load(from: state.appliance(spec.name).machine())?.spec.network
        guard spec.network.mode == .user else { return PlannedPort.ofGuest(spec.network, isThere: own != nil) }
        let others = try PromisedNetworks(in: state)
        if own == nil { try others.checkPicking(spec.network) }
        return PlannedPort.ofThisHost(spec.network, kept: own, isFree: others.isFree)
    }

    package func recipe(for machine: PlannedMachine) async throws -> MachineRecipe {
        var record = LibvirtMachine(spec: machine.spec)
        record.hasSeed = machine.hasSeed
        let command = ["virsh", "--connect", choice.uri, "start", machine.spec.name.rawValue]
        // If the pool cannot be queried yet, the host's examination reports that.
        let directory = (try? await volumes.directory()) ?? "<directory of the pool '\(choice.pool)'>"
        var text = text(record, in: directory)
        text.planned = machine.values
        return MachineRecipe(command: command, documents: [MachineRecipe.Document(name: "domain.xml", content: try text.domain())])
    }

    package func plannedMachine(of machine: MachineReference) async throws -> PlannedMachine? {
        guard let found = try LibvirtMachine.load(from: directory(of: machine)), found.spec.deployment == machine.deployment else { return nil }
        return PlannedMachine(spec: found.spec, hasSeed: found.hasSeed)
    }
}

extension LibvirtBackend: OfflineAnswering {
    package func isUnasked(_ failure: Failure) -> Bool { failure.code == .libvirtNotAsked }
}

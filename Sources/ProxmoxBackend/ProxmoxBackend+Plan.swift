package import ApplianceModel
package import Basics
package import MachineBackend

/// What would be done, without doing any of it.
extension ProxmoxBackend: MachinePlanning {
    /// On this platform, looking does not change anything.
    package var lookingOnly: any MachineBackend { self }

    package var offline: any MachineBackend {
        var copy = self
        copy.isOffline = true
        return copy
    }

    package func forecast(_ spec: ApplianceSpec) async throws -> HostForecast {
        guard !isOffline else { return offlineForecast(spec) }
        var findings: [Finding] = []
        var accelerator: Accelerator?
        var disk: DiskDecision?
        do {
            let report = try await checkHost(spec)
            findings = report.findings
            accelerator = report.accelerator
            let disks = try await decideDisks(spec)
            disk = disks.0
            findings += disks.1
        } catch let error as Failure {
            findings.append(
                Finding(
                    check: "host.usable", level: .fail, measured: error.message, expected: "a server that can run the guest", remedy: error.remedy))
        }
        return forecast(spec, accelerator: accelerator, findings, disk: disk)
    }

    private func forecast(_ spec: ApplianceSpec, accelerator: Accelerator?, _ findings: [Finding], disk: DiskDecision?) -> HostForecast {
        var network: NetworkDecision?
        if spec.network.mode == .bridge, let bridge = spec.network.device {
            var address: IPv4Address?
            if case .own(let own) = spec.network.address { address = own.address }
            network = self.network(
                macAddress: "", bridge: bridge, address: address, queues: min(spec.machine.vcpus, PVECard.mostQueues))
        }
        return HostForecast(
            accelerator: accelerator, findings: findings, resources: [], disk: disk, ports: PlannedPort.ofGuest(spec.network, isThere: false), network: network)
    }

    /// The forecast from the spec alone: whether any server could do it, and the requests, with the server's choices in angle brackets.
    private func offlineForecast(_ spec: ApplianceSpec) -> HostForecast {
        do {
            try Self.refuseUnsupported(spec)
            _ = try ServerAddress(url: connection.url)
        } catch {
            let refusal = Finding(
                check: "host.usable", level: .fail, measured: (error as? Failure)?.message ?? "\(error)", expected: "a server that can run the guest",
                remedy: (error as? Failure)?.remedy)
            return forecast(spec, accelerator: nil, [refusal], disk: nil)
        }
        let finding = Finding(
            check: "proxmox.server", level: .skip, measured: "'\(connection.url)' was not asked", expected: "a server that can run the guest",
            remedy: "plan without --offline, or: pgkvm proxmox check --url \(connection.url)")
        return forecast(
            spec, accelerator: spec.machine.accelerator == .tcg ? .tcg : .kvm, [finding],
            disk: DiskDecision(cacheDirect: true, aio: .native, ioThread: true, fileSystem: "Proxmox VE"))
    }

    /// The requests that make the machine; after the first boot, the request that starts it and the changes to its HA registration.
    package func recipe(for machine: PlannedMachine) async throws -> MachineRecipe {
        guard !isOffline, !machine.hasSeed, case let client = try client(), let found = try await find(machine.spec.deployment, name: machine.spec.name, client)
        else {
            return MachineRecipe(
                calls: try PVECallPlan.calls(
                    for: machine, connection: connection, provisioning: Provisioning(kind: String(machine.spec.disk.fileSystem.prefix { $0 != " " }))))
        }
        let calls = [.start(found.place), try await availabilityChange(of: found, client)].compactMap(\.self)
        return MachineRecipe(calls: calls.map(MachineRecipe.Call.init))
    }

    package func plannedMachine(of machine: MachineReference) async throws -> PlannedMachine? {
        guard !isOffline else { return nil }
        guard let found = try await locate(machine, try client()), let name = found.config["name"].flatMap({ ApplianceName($0) }),
            let cpu = found.config.processor, let macAddress = found.config.macAddress, let bridge = found.config.bridge
        else { return nil }
        let drive = found.config.drive(serial: MachineSpec.dataDiskSerial) ?? MachineParameters.dataDrive
        var systemDisk = ApplianceSpec.SystemDisk()
        if let size = found.config.size(of: MachineParameters.systemDrive) { systemDisk.size = size }
        let aio = found.config.drive(drive)?["aio"].flatMap { DiskDecision.AIO(rawValue: $0) } ?? .native
        let spec = MachineSpec(
            deployment: machine.deployment, name: name, cpu: cpu, disk: DiskDecision(cacheDirect: true, aio: aio, ioThread: true, fileSystem: "Proxmox VE"),
            network: network(
                macAddress: macAddress.lowercased(), bridge: bridge, address: MachineNote.address(in: found.config.description), queues: found.config.queues),
            // The image was copied, and nothing records any more which image it was.
            image: BaseImage(path: "", key: "", format: .qcow2, firmware: found.config["bios"] == "ovmf" ? .uefi : .bios), systemDisk: systemDisk,
            dataDiskSize: found.config.size(of: drive) ?? ByteSize(bytes: 0), adoptedDataDisk: nil)
        return PlannedMachine(spec: spec, hasSeed: found.config.drive(MachineParameters.seedDrive)?.first.map { $0 != "none" } ?? false)
    }
}

extension ProxmoxBackend: OfflineAnswering {
    package func isUnasked(_ failure: Failure) -> Bool { failure.code == .proxmoxNotAsked }
}

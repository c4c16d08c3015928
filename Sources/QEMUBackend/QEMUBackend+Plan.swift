package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import SystemPackage

/// What would be done, without doing any of it.
extension QEMUBackend: MachinePlanning {
    package var lookingOnly: any MachineBackend {
        var copy = self
        copy.cutsLogs = false
        return copy
    }

    package func forecast(_ spec: ApplianceSpec) async throws -> HostForecast {
        async let examined = examine(spec, abilities: { try await probed.abilities() }, user: { .plannedExample() })
        let disks = Self.attempt { try forecastDisks(spec) }
        let ports = try forecastPorts(spec)
        let host = await examined
        let failures = host.failures + [disks.failure].compactMap(\.self)
        return HostForecast(
            accelerator: host.accelerator, findings: host.findings + (disks.value?.1 ?? []) + failures.map(Self.refusal), resources: host.resources,
            disk: disks.value?.0, ports: ports, network: forecastNetwork(spec))
    }

    /// A failure that would end the deployment before anything is created.
    private static func refusal(_ failure: Failure) -> Finding {
        Finding(check: "host.usable", level: .fail, measured: failure.message, expected: "a host that can run the guest", remedy: failure.remedy)
    }

    private static func attempt<Value>(_ body: () throws -> Value) -> (value: Value?, failure: Failure?) {
        do {
            return (try body(), nil)
        } catch {
            return (nil, error as? Failure ?? Failure(.machineProbeFailed, "the disks cannot be planned", cause: error))
        }
    }

    /// The decision if every mode works that the file system should support.
    private func forecastDisks(_ spec: ApplianceSpec) throws -> (DiskDecision, [Finding]) {
        let place = existingPlace
        let fileSystem = try FileSystems.name(at: place)
        let direct = FileSystems.promisesDirectIO(at: place) ?? !["tmpfs", "fuse"].contains(fileSystem)
        return try DiskProbe.choose(
            fileSystem: fileSystem, direct: direct, usable: Set(DiskDecision.AIO.allCases), vcpus: spec.machine.vcpus,
            hostCPUs: HostCPU.current().logicalCPUs)
    }

    private func forecastPorts(_ spec: ApplianceSpec) throws -> [PlannedPort] {
        let own = try QEMUMachine.load(from: state.appliance(spec.name).machine())?.spec.network
        guard spec.network.mode == .user else { return PlannedPort.ofGuest(spec.network, isThere: own != nil) }
        let others = try PromisedNetworks(in: state)
        if own == nil { try others.checkPicking(spec.network) }
        return PlannedPort.ofThisHost(spec.network, kept: own, isFree: others.isFree)
    }

    /// The findings report what a missing or inaccessible host device makes impossible.
    private func forecastNetwork(_ spec: ApplianceSpec) -> NetworkDecision? {
        guard spec.network.mode != .user else { return nil }
        return try? HostNetwork().decide(spec.network, vcpus: spec.machine.vcpus, macAddress: "")
    }

    package func recipe(for machine: PlannedMachine) async throws -> MachineRecipe {
        let found = try QEMUMachine.load(from: state.appliance(machine.spec.name).machine())
        let own = found?.spec.deployment == machine.spec.deployment ? found?.userID : nil
        let record = QEMUMachine(spec: machine.spec, hasSeed: machine.hasSeed, isComplete: true, userID: own)
        return MachineRecipe(
            command: try command(of: record, abilities: try await probed.abilities(), user: Self.plannedUser(of: record), values: machine.values))
    }

    package func plannedMachine(of machine: MachineReference) async throws -> PlannedMachine? {
        guard let found = try QEMUMachine.load(from: directory(of: machine)), found.spec.deployment == machine.deployment else { return nil }
        return PlannedMachine(spec: found.spec, hasSeed: found.hasSeed)
    }

    /// The user of a machine is chosen when the machine is made.
    private static func plannedUser(of record: QEMUMachine) -> Planned<QEMUUser> {
        let user = QEMUUser.of(record)
        let isOpen = HostEnvironment.isRoot && record.userID == nil && (MachineUserID.isAvailable || user.ids == nil)
        return Planned(isOpen ? nil : user, "user and group id of the machine")
    }
}

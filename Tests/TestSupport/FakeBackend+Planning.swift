package import ApplianceModel
package import Basics
package import MachineBackend
internal import Synchronization

extension FakeBackend: MachinePlanning {
    /// A host on which everything fits.
    package static var usualForecast: HostForecast {
        HostForecast(
            accelerator: .tcg, findings: [Finding(check: "host.qemu", level: .pass, measured: "QEMU 10.0.2", expected: "virtio devices, QMP")],
            resources: [
                HostResource(kind: .memory, needed: .gibibytes(2), available: .gibibytes(16)),
                HostResource(kind: .space, needed: .gibibytes(12), available: .gibibytes(100), place: "/var/lib/pgkvm"),
            ], disk: DiskDecision(cacheDirect: true, aio: .native, ioThread: true, fileSystem: "ext4"),
            ports: [
                PlannedPort(service: .ssh, address: "127.0.0.1", port: nil, state: .open),
                PlannedPort(service: .postgresql, address: "127.0.0.1", port: nil, state: .open),
            ])
    }

    package var lookingOnly: any MachineBackend { self }

    package func forecast(_ spec: ApplianceSpec) async throws -> HostForecast {
        try note("forecast")
        return forecasting.withLock { $0 }?(spec) ?? forecast.withLock { $0 }
    }

    package func recipe(for machine: PlannedMachine) async throws -> MachineRecipe {
        try note("recipe")
        return MachineRecipe(
            command: ["emulator", "-name", machine.spec.name.rawValue, "-m", "\(machine.spec.cpu.memory)", "-uuid", "\(machine.values.deployment)"])
    }

    package func plannedMachine(of machine: MachineReference) async throws -> PlannedMachine? {
        try note("plannedMachine")
        return specs.withLock { $0[machine.identifier] }.map { PlannedMachine(spec: $0, hasSeed: true) }
    }
}

extension FakeBackend: MachineResizing {
    package func processor(of machine: MachineReference) async throws -> CPUDecision {
        guard let spec = specs.withLock({ $0[machine.identifier] }) else { throw Failure(.machineNotFound, "no such machine") }
        return spec.cpu
    }

    package func checkProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws { try note("checkProcessor") }

    package func setProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws {
        try note("setProcessor")
        specs.withLock { specs in
            if let spec = specs[machine.identifier] { specs[machine.identifier] = spec.resized(cpu: cpu, dataDisk: spec.dataDiskSize) }
        }
    }

    package func dataDisk(of machine: MachineReference) async throws -> ByteSize {
        guard let spec = specs.withLock({ $0[machine.identifier] }) else { throw Failure(.machineNotFound, "no such machine") }
        return spec.dataDiskSize
    }

    package func spaceLeft(for machine: MachineReference) async throws -> ByteSize { .gibibytes(100) }

    package func growDataDisk(to size: ByteSize, of machine: MachineReference) async throws {
        try note("growDataDisk")
        specs.withLock { specs in
            if let spec = specs[machine.identifier] { specs[machine.identifier] = spec.resized(cpu: spec.cpu, dataDisk: size) }
        }
    }
}

/// Nothing on its host starts machines.
extension FakeBackend: AutostartProviding {
    package func autostart(of machine: MachineReference) async throws -> Autostart { .unavailable(reason: "no host starts it", remedy: "start it by hand") }

    package func setAutostart(_ isOn: Bool, of machine: MachineReference) async throws {
        throw Failure(.autostartUnavailable, "no host starts it", remedy: "start it by hand")
    }
}

extension FakeBackend: RemotePlatform {
    package func isSilence(_ failure: Failure) -> Bool { failure.code == .timedOut }
}

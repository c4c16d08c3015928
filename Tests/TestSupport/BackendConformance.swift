package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
package import SystemPackage
internal import Testing

/// A platform on which machines can be made for a test, and what there is to see of it from outside.
package struct BackendBench: Sendable {
    package let backend: any MachineBackend
    /// A small machine of that name that fits there; each call is another deployment.
    package let spec: @Sendable (ApplianceName) async throws -> MachineSpec
    /// Everything that there is of machines, as the platform or its files show it.
    package let everything: @Sendable () async throws -> [String]
    /// Where a medium can be put before the platform takes it over.
    package let directory: FilePath
    /// What the platform would call a machine that is not there; nil is the appliance's name.
    package let absentIdentifier: String?

    package init(
        backend: any MachineBackend, directory: FilePath, absentIdentifier: String? = nil,
        spec: @escaping @Sendable (ApplianceName) async throws -> MachineSpec,
        everything: @escaping @Sendable () async throws -> [String]
    ) {
        self.backend = backend
        self.directory = directory
        self.absentIdentifier = absentIdentifier
        self.spec = spec
        self.everything = everything
    }
}

/// What every platform has to keep of the contract of `MachineBackend`, one case a promise.
package enum BackendConformance: String, CaseIterable, Sendable, CustomStringConvertible {
    case createIsRepeatable, powerIsRepeatable, deleteLeavesNothing, strangerIsRefused, absentIsNoError, endpointStays, seedComesAndGoes, sizeChanges

    package var description: String { rawValue }

    /// Makes machines, holds them against the promise, and deletes them.
    package func hold(_ bench: BackendBench) async throws {
        let name = try #require(ApplianceName("conform"))
        let before = try await bench.everything()
        let spec = try await bench.spec(name)
        let reference = MachineReference(backend: bench.backend.kind, deployment: spec.deployment, identifier: bench.absentIdentifier ?? name.rawValue)
        if self == .absentIsNoError { return try await absent(bench, reference, name) }

        let machine = try await bench.backend.create(spec)
        do {
            try await holdPresent(bench, machine, spec)
        } catch {
            try? await bench.backend.delete(machine)
            throw error
        }
        try await bench.backend.delete(machine)
        #expect(try await bench.backend.powerState(of: machine) == .absent)
        #expect(try await bench.backend.find(spec.deployment, name: name) == nil)
        try await bench.backend.delete(machine)
        #expect(try await bench.everything() == before)
    }

    private func holdPresent(_ bench: BackendBench, _ machine: MachineReference, _ spec: MachineSpec) async throws {
        switch self {
        case .createIsRepeatable: try await createIsRepeatable(bench, machine, spec)
        case .powerIsRepeatable: try await powerIsRepeatable(bench.backend, machine)
        case .deleteLeavesNothing: try await bench.backend.start(machine)
        case .strangerIsRefused: try await strangerIsRefused(bench, machine, spec)
        case .endpointStays: try await endpointStays(bench.backend, machine)
        case .seedComesAndGoes: try await seedComesAndGoes(bench, machine)
        case .sizeChanges: try await sizeChanges(bench.backend, machine, spec)
        case .absentIsNoError: break
        }
    }

    private func createIsRepeatable(_ bench: BackendBench, _ machine: MachineReference, _ spec: MachineSpec) async throws {
        let once = try await bench.everything()
        #expect(try await bench.backend.create(spec) == machine)
        #expect(try await bench.everything() == once)
        #expect(try await bench.backend.powerState(of: machine) == .off)
        #expect(try await bench.backend.find(spec.deployment, name: spec.name) == machine)
        #expect(try await bench.backend.find(.random(), name: spec.name) == nil)
    }

    private func powerIsRepeatable(_ backend: any MachineBackend, _ machine: MachineReference) async throws {
        for _ in 1...2 {
            try await backend.start(machine)
            #expect(try await backend.powerState(of: machine) == .running)
        }
        for _ in 1...2 {
            try await backend.powerOff(machine)
            #expect(try await backend.powerState(of: machine) == .off)
        }
        // A machine that is off has shut down already.
        try await backend.shutDown(machine, grace: .seconds(1))
        #expect(try await backend.powerState(of: machine) == .off)
    }

    private func strangerIsRefused(_ bench: BackendBench, _ machine: MachineReference, _ spec: MachineSpec) async throws {
        let other = try await bench.spec(spec.name)
        let before = try await bench.everything()
        let error = await #expect(throws: Failure.self) { _ = try await bench.backend.create(other) }
        #expect(error?.code == .machineStranger)
        let reference = MachineReference(backend: machine.backend, deployment: other.deployment, identifier: machine.identifier)
        #expect(await isNotSeen(reference, by: bench.backend))
        try await bench.backend.start(machine)
        // Nothing that is asked in another's name reaches the machine: neither its power nor its files.
        _ = try? await bench.backend.powerOff(reference)
        _ = try? await bench.backend.delete(reference)
        #expect(try await bench.backend.powerState(of: machine) == .running)
        try await bench.backend.powerOff(machine)
        #expect(try await bench.everything() == before)
    }

    /// To another deployment a machine is absent, or said to be a stranger's.
    private func isNotSeen(_ reference: MachineReference, by backend: any MachineBackend) async -> Bool {
        do {
            return try await backend.powerState(of: reference) == .absent
        } catch {
            return (error as? Failure)?.code == .machineStranger
        }
    }

    private func absent(_ bench: BackendBench, _ machine: MachineReference, _ name: ApplianceName) async throws {
        #expect(try await bench.backend.powerState(of: machine) == .absent)
        #expect(try await bench.backend.find(machine.deployment, name: name) == nil)
        try await bench.backend.powerOff(machine)
        try await bench.backend.shutDown(machine, grace: .seconds(1))
        try await bench.backend.delete(machine)
        let error = await #expect(throws: Failure.self) { try await bench.backend.start(machine) }
        #expect(error?.code == .machineNotFound)
    }

    private func endpointStays(_ backend: any MachineBackend, _ machine: MachineReference) async throws {
        let first = try await GuestService.allCases.asyncMap { try await backend.endpoint(of: machine, service: $0) }
        try await backend.start(machine)
        #expect(try await GuestService.allCases.asyncMap { try await backend.endpoint(of: machine, service: $0) } == first)
        try await backend.powerOff(machine)
        try await backend.start(machine)
        #expect(try await GuestService.allCases.asyncMap { try await backend.endpoint(of: machine, service: $0) } == first)
        #expect(first.allSatisfy { $0 != nil })
        try await backend.powerOff(machine)
    }

    private func seedComesAndGoes(_ bench: BackendBench, _ machine: MachineReference) async throws {
        let without = try await bench.everything()
        for _ in 1...2 {
            let medium = bench.directory.appending("medium.iso")
            try Files.write([UInt8](repeating: 0, count: 1 << 20), to: medium)
            try await bench.backend.attachSeed(medium, to: machine)
            #expect(!Files.exists(medium))
        }
        #expect(try await bench.everything() != without)
        try await bench.backend.start(machine)
        try await bench.backend.powerOff(machine)
        for _ in 1...2 { try await bench.backend.detachSeed(from: machine) }
        #expect(try await bench.everything() == without)
    }

    /// Where the platform can change a machine.
    private func sizeChanges(_ backend: any MachineBackend, _ machine: MachineReference, _ spec: MachineSpec) async throws {
        let cpu = CPUDecision(accelerator: spec.cpu.accelerator, vcpus: 1, memory: ByteSize(bytes: spec.cpu.memory.bytes * 2))
        try await backend.start(machine)
        let error = await #expect(throws: Failure.self) { try await backend.setProcessor(cpu, of: machine) }
        #expect(error?.code == .machineStillRunning)
        let larger = ByteSize(bytes: spec.dataDiskSize.bytes * 2)
        for _ in 1...2 { try await backend.growDataDisk(to: larger, of: machine) }
        #expect(try await backend.dataDisk(of: machine) == larger)
        try await backend.growDataDisk(to: spec.dataDiskSize, of: machine)
        #expect(try await backend.dataDisk(of: machine) == larger)
        try await backend.powerOff(machine)
        for _ in 1...2 { try await backend.setProcessor(cpu, of: machine) }
        #expect(try await backend.processor(of: machine) == cpu)
        try await backend.start(machine)
        #expect(try await backend.powerState(of: machine) == .running)
        try await backend.powerOff(machine)
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}

package import ApplianceModel
package import Basics
package import MachineBackend
package import SystemPackage

/// A platform that can do what every platform must, and nothing else.
package struct PlainBackend: MachineBackend {
    package let base: FakeBackend
    package var kind: BackendKind { base.kind }

    package init(base: FakeBackend) { self.base = base }
}

/// A platform whose data disk is a file of this host.
package struct FileBackend: MachineBackend, DataDiskFileProviding {
    package let base: FakeBackend
    package let disk: FilePath
    package var kind: BackendKind { base.kind }

    package init(base: FakeBackend, disk: FilePath) {
        self.base = base
        self.disk = disk
    }

    package var capabilities: Capabilities {
        var can = Capabilities()
        can.dataDiskFile = self
        return can
    }
    package func dataDiskFile(of machine: MachineReference) -> FilePath { disk }
}

/// Passes every call on.
package protocol PassingBackend: MachineBackend {
    var base: FakeBackend { get }
}

extension PlainBackend: PassingBackend {}
extension FileBackend: PassingBackend {}

extension PassingBackend {
    package var capabilities: Capabilities { Capabilities() }
    package var lookingOnly: any MachineBackend { self }
    package func forecast(_ spec: ApplianceSpec) async throws -> HostForecast { try await base.forecast(spec) }
    package func recipe(for machine: PlannedMachine) async throws -> MachineRecipe { try await base.recipe(for: machine) }
    package func plannedMachine(of machine: MachineReference) async throws -> PlannedMachine? { try await base.plannedMachine(of: machine) }
    package func processor(of machine: MachineReference) async throws -> CPUDecision { try await base.processor(of: machine) }
    package func checkProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws { try await base.checkProcessor(cpu, of: machine) }
    package func setProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws { try await base.setProcessor(cpu, of: machine) }
    package func dataDisk(of machine: MachineReference) async throws -> ByteSize { try await base.dataDisk(of: machine) }
    package func spaceLeft(for machine: MachineReference) async throws -> ByteSize { try await base.spaceLeft(for: machine) }
    package func growDataDisk(to size: ByteSize, of machine: MachineReference) async throws { try await base.growDataDisk(to: size, of: machine) }
    package func autostart(of machine: MachineReference) async throws -> Autostart { try await base.autostart(of: machine) }
    package func setAutostart(_ isOn: Bool, of machine: MachineReference) async throws { try await base.setAutostart(isOn, of: machine) }
    package func words(for work: MachineWork, _ spec: ApplianceSpec) -> WorkWords { base.words(for: work, spec) }
    package func consoleByHand(of name: ApplianceName) -> String { base.consoleByHand(of: name) }
    package func checkHost(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> HostReport { try await base.checkHost(spec, at: place) }
    package func decideDisks(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> (DiskDecision, [Finding]) {
        try await base.decideDisks(spec, at: place)
    }
    package func decideNetwork(_ spec: ApplianceSpec, deployment: DeploymentID, at place: MachinePlace?) async throws -> NetworkDecision {
        try await base.decideNetwork(spec, deployment: deployment, at: place)
    }
    package func create(_ spec: MachineSpec) async throws -> MachineReference { try await base.create(spec) }
    package func attachSeed(_ medium: FilePath, to machine: MachineReference) async throws { try await base.attachSeed(medium, to: machine) }
    package func detachSeed(from machine: MachineReference) async throws { try await base.detachSeed(from: machine) }
    package func start(_ machine: MachineReference) async throws { try await base.start(machine) }
    package func shutDown(_ machine: MachineReference, grace: Duration) async throws { try await base.shutDown(machine, grace: grace) }
    package func powerOff(_ machine: MachineReference) async throws { try await base.powerOff(machine) }
    package func delete(_ machine: MachineReference) async throws { try await base.delete(machine) }
    package func powerState(of machine: MachineReference) async throws -> PowerState { try await base.powerState(of: machine) }
    package func find(_ deployment: DeploymentID, name: ApplianceName) async throws -> MachineReference? { try await base.find(deployment, name: name) }
    package func endpoint(of machine: MachineReference, service: GuestService) async throws -> Endpoint? {
        try await base.endpoint(of: machine, service: service)
    }
}

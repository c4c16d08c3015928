package import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend
package import Synchronization
package import SystemPackage

/// A platform whose machines are notes in memory. It records what it is asked and fails where it is told to.
package final class FakeBackend: MachineBackend, Sendable {
    private struct State {
        var calls: [String] = []
        var failures: [String: Failure] = [:]
        var machines: [String: PowerState] = [:]
        var deployments: [String: MachineReference] = [:]
    }
    private let state = Mutex(State())
    /// What it says of its disks.
    package let disks = Mutex(FakeDisks())
    /// The machines that it made, by name, as they are now.
    package let specs = Mutex<[String: MachineSpec]>([:])
    /// What it says of its host.
    package let forecast = Mutex(FakeBackend.usualForecast)
    /// What it says of its host to a spec, where that depends on the spec.
    package let forecasting = Mutex<(@Sendable (ApplianceSpec) -> HostForecast)?>(nil)

    /// Where it puts machines.
    package let place = Mutex<MachinePlace?>(nil)
    /// The place that each check of the host was told.
    package let toldPlaces = Mutex<[MachinePlace?]>([])
    /// The place for which each decision on the disks was asked.
    package let diskPlaces = Mutex<[MachinePlace?]>([])

    package let kind = BackendKind.qemu

    package init() {}

    package var capabilities: Capabilities {
        var can = Capabilities()
        can.diskWatching = self
        can.diskLending = self
        can.remote = self
        return can
    }

    package var calls: [String] { state.withLock { $0.calls } }

    /// Makes every call of a method fail from now on; nil lets it succeed again.
    package func fail(_ method: String, with failure: Failure?) { state.withLock { $0.failures[method] = failure } }

    /// Puts a machine there that no deployment made.
    package func set(_ power: PowerState, of machine: String) { state.withLock { $0.machines[machine] = power } }

    func note(_ method: String) throws {
        try state.withLock { state in
            state.calls.append(method)
            if let failure = state.failures[method] { throw failure }
        }
    }

    package func words(for work: MachineWork, _ spec: ApplianceSpec) -> WorkWords {
        WorkWords(what: "does the work '\(work)'", why: "the test's platform has its own words for it", byHand: ["fake \(work)"])
    }

    package func consoleByHand(of name: ApplianceName) -> String { "fake console \(name)" }

    package func checkHost(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> HostReport {
        toldPlaces.withLock { $0.append(place) }
        try note("checkHost")
        return HostReport(accelerator: .tcg, findings: [], place: self.place.withLock { $0 })
    }

    package func decideDisks(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> (DiskDecision, [Finding]) {
        diskPlaces.withLock { $0.append(place) }
        try note("decideDisks")
        return (DiskDecision(cacheDirect: true, aio: .native, ioThread: true, fileSystem: "ext4", place: self.place.withLock { $0 }), [])
    }

    package func decideNetwork(_ spec: ApplianceSpec, deployment: DeploymentID, at place: MachinePlace?) async throws -> NetworkDecision {
        try note("decideNetwork")
        return NetworkDecision(mode: .user, macAddress: deployment.macAddress, sshPort: 2222, postgresqlPort: 5433)
    }

    package func create(_ spec: MachineSpec) async throws -> MachineReference {
        try note("create")
        let machine = MachineReference(backend: kind, deployment: spec.deployment, identifier: spec.name.rawValue)
        specs.withLock { $0[machine.identifier] = spec }
        state.withLock { state in
            state.machines[machine.identifier] = .off
            state.deployments[spec.deployment.rawValue] = machine
        }
        return machine
    }

    package func attachSeed(_ medium: FilePath, to machine: MachineReference) async throws {
        try note("attachSeed")
        try Files.remove(medium)
    }

    package func detachSeed(from machine: MachineReference) async throws { try note("detachSeed") }

    package func start(_ machine: MachineReference) async throws {
        try note("start")
        set(.running, of: machine.identifier)
    }

    package func shutDown(_ machine: MachineReference, grace: Duration) async throws {
        try note("shutDown")
        set(.off, of: machine.identifier)
    }

    package func powerOff(_ machine: MachineReference) async throws {
        try note("powerOff")
        set(.off, of: machine.identifier)
    }

    package func delete(_ machine: MachineReference) async throws {
        try note("delete")
        state.withLock { state in
            state.machines[machine.identifier] = nil
            state.deployments[machine.deployment.rawValue] = nil
        }
    }

    package func powerState(of machine: MachineReference) async throws -> PowerState {
        try note("powerState")
        return state.withLock { $0.machines[machine.identifier] ?? .absent }
    }

    package func find(_ deployment: DeploymentID, name: ApplianceName) async throws -> MachineReference? {
        try note("find")
        return state.withLock { $0.deployments[deployment.rawValue] }
    }

    package func endpoint(of machine: MachineReference, service: GuestService) async throws -> Endpoint? {
        try note("endpoint")
        return Endpoint(host: "127.0.0.1", port: service == .ssh ? 2222 : 5433)
    }
}

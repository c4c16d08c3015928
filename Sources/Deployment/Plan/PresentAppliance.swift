internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import SpecFile
internal import Workflow

/// The current state of an appliance, beside the spec that the user wants. Read-only.
struct PresentAppliance {
    /// The spec on disk; nil if there is no appliance of this name.
    let known: ApplianceSpec?
    /// The wanted spec in the terms of the known one: an adopted disk keeps its size.
    let comparable: ApplianceSpec
    let machine: MachineReference?
    /// Nil if the platform is another machine and was not queried.
    let power: PowerState?
    let presence: DeploymentPlan.Presence

    static func find(_ wanted: ApplianceSpec, in environment: ApplianceEnvironment) async throws -> PresentAppliance {
        let directory = environment.state.appliance(wanted.name)
        guard Files.exists(directory.spec) else {
            return PresentAppliance(known: nil, comparable: wanted, machine: nil, power: .absent, presence: .new)
        }
        let appliance = try Appliance.open(wanted.name.rawValue, in: environment)
        var machine = try await appliance.machine()
        var power: PowerState? = .absent
        do {
            machine = try await Self.machine(of: appliance)
            if let machine { power = try await appliance.context.backend.powerState(of: machine) }
        } catch let error as Failure where appliance.context.backend.capabilities.unasked?.isUnasked(error) == true {
            power = nil
        }
        let network = try await appliance.context.journal.fact(NetworkFact.self)?.decision
        return PresentAppliance(
            known: appliance.context.spec, comparable: wanted.comparable(with: appliance.context.spec, network: network), machine: machine, power: power,
            presence: try await appliance.isVerified() ? .deployed : .incomplete)
    }

    /// The machine from the journal, or one that a killed run created and did not record.
    static func machine(of appliance: Appliance) async throws -> MachineReference? {
        if let machine = try await appliance.machine() { return machine }
        guard let id = try await appliance.context.journal.fact(DeploymentFact.self)?.id else { return nil }
        return try await appliance.context.backend.find(id, name: appliance.name)
    }
}

extension ApplianceSpec {
    /// The spec in the form in which it is compared with an appliance's spec. An adopted disk has its actual size. Asking for the forwarder that the
    /// machine already has is not a change, whatever its spelling.
    /// - Parameter decision: the decision about the appliance's network; nil if there is none yet.
    func comparable(with known: ApplianceSpec, network decision: NetworkDecision?) -> ApplianceSpec {
        var comparable = self
        if let decision, [.auto, decision.forwarder ?? .slirp].contains(network.forwarder) { comparable.network.forwarder = known.network.forwarder }
        if let adopt = dataDisk.adopt, adopt == known.dataDisk.adopt { comparable.dataDisk.size = known.dataDisk.size }
        return comparable
    }
}

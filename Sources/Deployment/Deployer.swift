package import ApplianceModel
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import SpecFile
internal import SystemPackage
package import Workflow

/// The whole way from a spec to a verified appliance.
package struct Deployer: Sendable {
    private let environment: ApplianceEnvironment
    private let gate: any Gate
    private let sink: any EventSink
    private let bootPatience: Duration

    package init(environment: ApplianceEnvironment, gate: any Gate, sink: any EventSink, bootPatience: Duration = .seconds(300)) {
        self.environment = environment
        self.gate = gate
        self.sink = sink
        self.bootPatience = bootPatience
    }

    /// The steps, in the order of the scenario.
    package static let steps: [any Step<DeploymentContext>] = [
        CheckHostStep(), PrepareImageStep(), ConfigureDiskStep(), ConfigureCPUStep(), ConfigureNetworkStep(), CreateMachineStep(),
        BootGuestStep(), PrepareDataDiskStep(), InstallPostgreSQLStep(), ConfigurePostgreSQLStep(), VerifyStep(),
    ]

    /// Carries the deployment as far as it goes. The same call after a failure, a kill or a reboot goes on where it stood.
    /// - Throws: `appliance.busy`, `appliance.differs`, `spec.invalid`; failures of steps are in the outcome.
    package func deploy(_ wanted: ApplianceSpec) async throws -> (Appliance, RunOutcome) {
        let directory = environment.state.appliance(wanted.name)
        try Files.createDirectory(environment.state.path)
        try Files.createDirectory(directory.path)
        let lock = try Appliance.lock(wanted.name, directory)
        for place in [environment.state.path, directory.path, directory.reports, directory.machine().path] { try Files.removeAbandoned(in: place) }
        let appliance = try await settled(wanted, directory)
        if try await appliance.context.journal.fact(DeploymentFact.self) == nil {
            try await appliance.context.journal.record(DeploymentFact(id: .random()))
        }
        let runner = Runner(
            steps: Self.steps, journal: appliance.context.journal, gate: gate, sink: sink,
            evidence: { await Evidence.collect($0, step: $1, error: $2) })
        let outcome = await runner.run(appliance.context)
        await appliance.context.guest.close()
        if case .completed = outcome.result, let warning = try await appliance.context.startWithHostByDefault() { sink.receive(.warning(warning)) }
        if outcome.reverted, try await appliance.machine() == nil {
            try Files.remove(directory.path)
        } else {
            try await ApplianceCard.update(appliance.context)
        }
        _ = consume lock
        return (appliance, outcome)
    }

    /// The appliance with the spec that is on disk from now on. As long as there is no machine another spec replaces the
    /// first; afterwards it is refused with what differs.
    private func settled(_ wanted: ApplianceSpec, _ directory: ApplianceDirectory) async throws -> Appliance {
        guard Files.exists(directory.spec) else {
            let spec = try KeptData.completed(wanted)
            try Files.write(SpecFile.render(spec), to: directory.spec)
            return try Appliance(writing: spec, environment: environment, bootPatience: bootPatience)
        }
        let known = try SpecFile.parse(Files.read(directory.spec), file: directory.spec.string)
        var comparable = wanted
        if let adopt = wanted.dataDisk.adopt, adopt == known.dataDisk.adopt { comparable.dataDisk.size = known.dataDisk.size }
        // Limits are held against figures; nothing of the appliance is made from them.
        comparable.verification = known.verification
        if comparable == known, wanted.verification != known.verification { return try relimited(known, wanted.verification) }
        let appliance = try Appliance(writing: known, environment: environment, bootPatience: bootPatience)
        guard comparable != known else { return appliance }
        guard try await appliance.machine() == nil, try await environment.backend.find(appliance.context.deploymentIDIfKnown(), name: known.name) == nil
        else {
            let differences = SpecDifference.between(known, comparable).joined(separator: "\n    ")
            throw Failure(
                .applianceDiffers, "'\(wanted.name)' is deployed with another spec:\n    \(differences)",
                remedy: "deploy it as it is with 'pgkvm deploy \(directory.spec)', or choose another name, or 'pgkvm delete \(wanted.name)' first")
        }
        let spec = try KeptData.completed(wanted)
        try Files.remove(directory.journal)
        try Files.write(SpecFile.render(spec), to: directory.spec)
        return try Appliance(writing: spec, environment: environment, bootPatience: bootPatience)
    }
}

extension Deployer {
    /// The same appliance with other limits, which are on disk from now on.
    private func relimited(_ known: ApplianceSpec, _ verification: ApplianceSpec.Verification) throws -> Appliance {
        var spec = known
        spec.verification = verification
        let changes = SpecDifference.between(known, spec).joined(separator: ", ")
        try Files.write(SpecFile.render(spec), to: environment.state.appliance(spec.name).spec)
        sink.receive(.warning("what 'pgkvm verify' expects has changed: \(changes)"))
        return try Appliance(writing: spec, environment: environment, bootPatience: bootPatience)
    }
}

extension DeploymentContext {
    fileprivate func deploymentIDIfKnown() async throws -> DeploymentID { try await journal.fact(DeploymentFact.self)?.id ?? DeploymentID("") }
}

extension KeptData {
    /// A spec that adopts a disk takes that disk's size, and must ask for its version of PostgreSQL.
    fileprivate static func completed(_ spec: ApplianceSpec) throws -> ApplianceSpec {
        guard let adopt = spec.dataDisk.adopt else { return spec }
        let kept = try load(adopt)
        let version = spec.postgresql.version ?? { if case .release(let release) = spec.machine.image { release.postgresqlVersion } else { nil } }()
        guard version == nil || version == kept.postgresqlVersion else {
            throw Failure(
                .dataNotKept, "the disk in '\(adopt)' holds PostgreSQL \(kept.postgresqlVersion), and \(version ?? 0) was asked for",
                remedy: "ask for version \(kept.postgresqlVersion), and upgrade afterwards")
        }
        var completed = spec
        completed.dataDisk.size = kept.size
        return completed
    }
}

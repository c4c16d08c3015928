package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import PostgresServer
package import SpecFile
internal import SystemPackage
package import Workflow

/// Deploys a spec, up to a verified appliance.
package struct Deployer: Sendable {
    private let environment: ApplianceEnvironment
    private let gate: any Gate
    private let sink: any EventSink
    private let bootPatience: Duration
    private let leave: Leave
    private let places: SpecPlaces

    /// - Parameters:
    ///   - leave: is asked when a change needs a restart of what is running, or would remove what an administrator wrote.
    ///   - places: where the keys of the spec are in its file, for messages.
    package init(
        environment: ApplianceEnvironment, gate: any Gate, sink: any EventSink, bootPatience: Duration = .seconds(300), leave: Leave = Leave(),
        places: SpecPlaces = SpecPlaces()
    ) {
        self.environment = environment
        self.gate = gate
        self.sink = sink
        self.bootPatience = bootPatience
        self.leave = leave
        self.places = places
    }

    /// The steps, in the order of the scenario.
    package static let steps: [any Step<DeploymentContext>] = [
        CheckHostStep(), PrepareImageStep(), ConfigureDiskStep(), ConfigureCPUStep(), ConfigureNetworkStep(), CreateMachineStep(),
        BootGuestStep(), PrepareDataDiskStep(), InstallPostgreSQLStep(), ConfigurePostgreSQLStep(), VerifyStep(),
    ]

    /// The steps, including those that change a machine whose size differs from the spec's.
    static func steps(for context: DeploymentContext) async throws -> [any Step<DeploymentContext>] {
        let resizes = try await ResizeMachineStep.isNeeded(context)
        let grows = try await GrowDataDiskStep.isNeeded(context)
        return steps.flatMap { step -> [any Step<DeploymentContext>] in
            switch step {
            case is BootGuestStep where resizes: [ResizeMachineStep(), step]
            case is PrepareDataDiskStep where grows: [step, GrowDataDiskStep()]
            default: [step]
            }
        }
    }

    /// Runs the deployment as far as possible. After a failure, a kill or a reboot, the same call resumes where the deployment stopped. A change of
    /// an appliance that was configured before is either completed or taken back.
    /// - Throws: `state.untrusted`, `journal.unusable`, `appliance.busy`, `appliance.differs`, `appliance.restart-needed`, `server.edited`,
    ///   `spec.invalid`, `spec.refused`: nothing has changed then. Failures of steps are in the outcome.
    package func deploy(_ wanted: ApplianceSpec) async throws -> (Appliance, RunOutcome) {
        let directory = environment.state.appliance(wanted.name)
        try environment.checkTrust(wanted.name)
        try SizeRules.check(wanted, version: wanted.expectedVersion, source: "the spec of '\(wanted.name)'")
        try await ImageFindings.check(wanted, in: environment, places: places)
        try Files.createDirectory(environment.state.path)
        try Files.createDirectory(directory.path)
        let lock = try Appliance.lock(wanted.name, directory)
        for place in [environment.state.path, directory.path, directory.reports, directory.machine().path] { try Files.removeAbandoned(in: place) }
        try KeptData.removeAbandoned(in: environment.state)
        // This check comes before anything is stored: a journal that lost its lines must not be taken for that of a new appliance.
        _ = try Appliance.journal({ JournalSnapshot(directory: directory) }, path: directory.journal)
        let (appliance, change) = try await settled(wanted, directory)
        try await appliance.takeOverRecords()
        if try await appliance.context.journal.fact(DeploymentFact.self) == nil {
            try await appliance.context.journal.record(DeploymentFact(id: .random()))
        }
        var outcome = try await run(appliance.context)
        if let change { outcome = try await change.ended(outcome, appliance.context, runAgain: run) }
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

    private func run(_ context: DeploymentContext) async throws -> RunOutcome {
        let runner = Runner(
            steps: try await Self.steps(for: context), journal: context.journal, gate: gate, sink: sink,
            evidence: { await Evidence.collect($0, step: $1, error: $2) })
        return await runner.run(context)
    }

    /// The appliance with the spec that this run deploys. Until a server is configured, another spec replaces the first, as far as the machine allows
    /// it. After that, the wanted spec is stored beside the one in force.
    /// - Returns: the change to settle at the end; nil for a first deployment, and if nothing is to change.
    private func settled(_ wanted: ApplianceSpec, _ directory: ApplianceDirectory) async throws -> (Appliance, ApplianceChange?) {
        guard Files.exists(directory.spec) else { return (try begun(KeptData.completed(wanted), directory), nil) }
        let known = try SpecFile.parse(Files.readRegular(directory.spec), file: directory.spec.string)
        let appliance = try open(known)
        let network = try await appliance.context.journal.fact(NetworkFact.self)?.decision
        let comparable = wanted.comparable(with: known, network: network)
        let isConfigured = try await appliance.context.journal.fact(ConfigurationFact.self) != nil
        guard comparable != known else {
            // The user gives up a failed change by asking for the spec that was in force before.
            let hasChange = try await appliance.context.journal.fact(ChangeFact.self) != nil
            let isPending = hasChange || Files.exists(directory.wantedSpec)
            return (appliance, isConfigured && isPending ? ApplianceChange(known: known, failingBefore: [], isWayBack: true, sink: sink) : nil)
        }
        guard let machine = try await PresentAppliance.machine(of: appliance) else {
            let spec = try KeptData.completed(wanted)
            // The journal is removed last: if the card or the seal remained beside an empty journal, the appliance would look damaged.
            for file in [directory.card, directory.journalSeal, directory.journal] { try Files.remove(file) }
            return (try begun(spec, directory), nil)
        }
        let changed = try open(comparable)
        try await ChangeExamination(known: appliance.context, wanted: changed.context, isConfigured: isConfigured, sink: sink).pass(machine)
        guard isConfigured else { return (try begun(comparable, directory), nil) }
        let change = ApplianceChange(known: known, failingBefore: try await ApplianceChange.failingBefore(appliance), isWayBack: false, sink: sink)
        try Files.write(SpecFile.render(comparable), to: directory.wantedSpec)
        return (changed, change)
    }

    private func begun(_ spec: ApplianceSpec, _ directory: ApplianceDirectory) throws -> Appliance {
        try Files.write(SpecFile.render(spec), to: directory.spec)
        try Files.remove(directory.wantedSpec)
        return try open(spec)
    }

    private func open(_ spec: ApplianceSpec) throws -> Appliance {
        try Appliance(writing: spec, environment: environment, bootPatience: bootPatience, leave: leave, places: places)
    }
}

extension DeploymentContext {
    /// The major version of PostgreSQL as far as the host knows it, without asking the guest.
    func knownPostgreSQLVersion() async throws -> Int? {
        if let version = spec.postgresql.version { return version }
        if let version = try await journal.fact(PackagesFact.self)?.version { return version }
        return try await journal.fact(ImageFact.self)?.release?.postgresqlVersion
    }
}

extension KeptData {
    /// Completes a spec that adopts a disk: it takes that disk's size, and must ask for its version of PostgreSQL.
    static func completed(_ spec: ApplianceSpec) throws -> ApplianceSpec {
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

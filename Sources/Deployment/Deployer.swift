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
    private let mayRestart: RestartConsent

    /// Asked when changes of the spec need a restart of what is running: whether it may happen now.
    package typealias RestartConsent = @Sendable ([PlannedChange]) async -> Bool

    package init(
        environment: ApplianceEnvironment, gate: any Gate, sink: any EventSink, bootPatience: Duration = .seconds(300),
        mayRestart: @escaping RestartConsent = { _ in false }
    ) {
        self.mayRestart = mayRestart
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

    /// The steps, with those that change a machine where it has another size than the spec asks for.
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

    /// Carries the deployment as far as it goes. The same call after a failure, a kill or a reboot goes on where it stood.
    /// - Throws: `appliance.busy`, `appliance.differs`, `appliance.restart-needed`, `spec.invalid`; failures of steps are in the outcome.
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
            steps: try await Self.steps(for: appliance.context), journal: appliance.context.journal, gate: gate, sink: sink,
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
    /// first; afterwards its changes are made, or refused with what differs.
    private func settled(_ wanted: ApplianceSpec, _ directory: ApplianceDirectory) async throws -> Appliance {
        guard Files.exists(directory.spec) else { return try begun(KeptData.completed(wanted), directory) }
        let known = try SpecFile.parse(Files.read(directory.spec), file: directory.spec.string)
        let comparable = wanted.comparable(with: known)
        let appliance = try Appliance(writing: known, environment: environment, bootPatience: bootPatience)
        guard comparable != known else { return appliance }
        guard let machine = try await PresentAppliance.machine(of: appliance) else {
            let spec = try KeptData.completed(wanted)
            try Files.remove(directory.journal)
            return try begun(spec, directory)
        }
        try await check(appliance, machine, comparable)
        return try begun(comparable, directory)
    }

    private func begun(_ spec: ApplianceSpec, _ directory: ApplianceDirectory) throws -> Appliance {
        try Files.write(SpecFile.render(spec), to: directory.spec)
        return try Appliance(writing: spec, environment: environment, bootPatience: bootPatience)
    }
}

/// Another spec for an appliance that has its machine.
extension Deployer {
    /// Returns when every change can be made now. Nothing has changed until then; afterwards the spec on disk is the one that the steps
    /// hold against what is there, so that a run that is killed is carried on by the next.
    /// - Throws: `appliance.differs`, `appliance.restart-needed`, `disk.full`.
    private func check(_ appliance: Appliance, _ machine: MachineReference, _ wanted: ApplianceSpec) async throws {
        let changes = SpecChanges(from: appliance.context.spec, to: wanted, version: try await appliance.context.knownPostgreSQLVersion())
        let text = changes.changes.map { "\n    " + PlanText.line($0) }.joined()
        guard changes.impossible.isEmpty else {
            throw Failure(
                .applianceDiffers, "'\(appliance.name)' is deployed with another spec, and not every difference can be made:\(text)",
                remedy: "deploy it as it is: pgkvm deploy \(ShellWord.quoted(appliance.directory.spec.string)); or choose another name, or delete it first")
        }
        try await checkSpace(wanted, growsFrom: appliance)
        let availability = try await availability(wanted, of: machine)
        if changes.needsRestart, case .running = try await appliance.context.backend.powerState(of: machine), await !mayRestart(changes.changes) {
            throw Failure(
                .restartNeeded, "'\(appliance.name)' would have to be restarted, and nothing was changed:\(text)",
                remedy: "run the same command with --restart, at a time when its clients can do without it")
        }
        if !changes.changes.isEmpty { sink.receive(.warning("the spec of '\(appliance.name)' changes:\(text)")) }
        if let availability { sink.receive(.warning(availability)) }
    }

    /// What is lost when another host takes over; nil where that is nothing, or nothing about it changes.
    /// - Throws: `machine.availability` where no other host could.
    private func availability(_ wanted: ApplianceSpec, of machine: MachineReference) async throws -> String? {
        guard let platform = environment.backend(for: wanted) as? any HighAvailabilityProviding,
            let finding = try await platform.examineChange(of: machine), finding.level != .pass
        else { return nil }
        guard finding.level != .fail else {
            throw Failure(.availabilityImpossible, "\(finding.measured); nothing was changed", remedy: finding.remedy)
        }
        return finding.measured + (finding.remedy.map { "; \($0)" } ?? "")
    }
}

extension Failure.Code {
    /// No other host of the platform could take the machine over.
    package static let availabilityImpossible = Failure.Code("machine.availability")
}

extension Deployer {
    /// A larger disk has to fit before the spec that asks for it is stored: there is no way back to a smaller one.
    private func checkSpace(_ wanted: ApplianceSpec, growsFrom appliance: Appliance) async throws {
        guard let resizing = appliance.context.backend as? any MachineResizing, let machine = try await PresentAppliance.machine(of: appliance) else { return }
        let growth = ByteSize(bytes: wanted.dataDisk.size.bytes - appliance.context.spec.dataDisk.size.bytes)
        guard growth.bytes > 0 else { return }
        let free = try await resizing.spaceLeft(for: machine)
        guard growth < free else {
            throw Failure(
                .diskFull, "the data disk would grow by \(growth.mebibytes) MiB, and \(free.mebibytes) MiB are free where it lies; nothing was changed",
                remedy: "free space, or ask for a smaller data disk")
        }
    }
}

extension DeploymentContext {
    /// The major version of PostgreSQL as far as the host knows it; the guest is not asked.
    func knownPostgreSQLVersion() async throws -> Int? {
        if let version = spec.postgresql.version { return version }
        if let version = try await journal.fact(PackagesFact.self)?.version { return version }
        return try await journal.fact(ImageFact.self)?.release?.postgresqlVersion
    }
}

extension KeptData {
    /// A spec that adopts a disk takes that disk's size, and must ask for its version of PostgreSQL.
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

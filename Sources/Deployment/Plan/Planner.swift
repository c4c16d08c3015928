package import ApplianceModel
internal import Basics
internal import CloudInit
internal import GuestImage
internal import HostSystem
internal import MachineBackend
internal import PostgresServer
package import SpecFile
internal import SystemPackage
internal import Workflow

/// Finds out what a deployment would do. It creates, changes and locks nothing.
package struct Planner: Sendable {
    let environment: ApplianceEnvironment
    private let places: SpecPlaces
    private let isOffline: Bool

    /// - Parameters:
    ///   - places: where the keys of the spec are in its file, for messages.
    ///   - isOffline: whether to contact no other machine: neither a running guest nor the server of a platform.
    package init(_ environment: ApplianceEnvironment, places: SpecPlaces = SpecPlaces(), isOffline: Bool = false) {
        self.environment = isOffline ? environment.offline : environment.lookingOnly
        self.places = places
        self.isOffline = isOffline
    }

    /// - Parameter asksGuest: whether to ask a running guest for its current state; a new appliance has no guest.
    /// - Throws: `data.not-kept`, and the errors for a damaged spec or journal; refusals by the host are in the plan.
    package func plan(_ wanted: ApplianceSpec, asksGuest: Bool = true) async throws -> DeploymentPlan {
        let asksGuest = asksGuest && !isOffline
        let backend = environment.backend(for: wanted)
        async let forecast = backend.forecast(wanted)
        let present = try await PresentAppliance.find(wanted, in: environment)
        let context = try self.context(wanted, present)
        let image = try await environment.images.find(wanted.machine.image)
        let version = try await Self.version(context, image)
        let judged = await judged(context, present, version: version, asksGuest: asksGuest)
        let changes = try await changes(context, present, version: version, restart: judged.restart, asksGuest: asksGuest)
        let steps = await StepInspection(context: context, version: version, asksGuest: asksGuest, isChanged: changes.contains { $0.effect != .expectation })
            .all()
        let host = try await Self.host(forecast, present, more: judged.findings + Self.findings(context, present))
        let ofImage = try await ImageFindings.all(context.spec, machine: present.machine, image: image, environment.images, places)
        let machine = try await machine(context, present, host, image)
        // If a machine exists but was not queried, it is not known which requests it would need.
        let recipe = present.power == nil ? MachineRecipe() : try await Self.recipe(machine, backend)
        let chosen = try await Self.values(context)
        let files = PlannedFiles(
            spec: context.spec, version: version, network: try await network(context, chosen),
            place: try await context.journal.fact(ConfigurationFact.self)?.place ?? .planned(context.spec.network),
            deployment: "\(chosen.deployment)",
            fileSystemUUID: try await context.journal.fact(DataDiskFact.self)?.uuid ?? adoptedUUID(context.spec), isAdopted: context.spec.dataDisk.adopt != nil)
        return DeploymentPlan(
            name: wanted.name.rawValue, deployment: present.presence, state: present.power?.word ?? "unknown", steps: steps,
            changes: present.machine == nil ? changes.map(\.asReplaced) : changes, findings: host.findings + ofImage + Self.sizes(context.spec, version),
            resources: host.resources,
            machine: PlannedHardware(
                accelerator: machine?.spec.cpu.accelerator ?? host.accelerator, vcpus: context.spec.machine.vcpus, memory: context.spec.machine.memory,
                systemDisk: context.spec.machine.systemDisk.size, dataDisk: context.spec.dataDisk.size, disk: machine?.spec.disk ?? host.disk),
            ports: host.ports, packages: Self.packages(context.spec, image, version, hasMachine: present.machine != nil),
            command: recipe.command, calls: recipe.calls,
            files: try files.all() + recipe.documents.map { PlannedFile(kind: .machine, target: $0.name, owner: nil, mode: nil, content: $0.content) })
    }

    /// The context that the deployment will have. Until the machine exists, another spec starts over, and the decisions for the first do not
    /// count.
    private func context(_ wanted: ApplianceSpec, _ present: PresentAppliance) throws -> DeploymentContext {
        let goesOn = present.machine != nil || present.comparable == present.known
        let directory = environment.state.appliance(wanted.name)
        let storage: any JournalStorage = goesOn ? JournalSnapshot(directory: directory) : EmptyJournal()
        return DeploymentContext(
            spec: goesOn ? present.comparable : try KeptData.completed(wanted), directory: directory,
            backend: environment.backend(for: wanted), images: environment.images, journal: try Appliance.journal({ storage }, path: directory.journal),
            places: places, openGuest: environment.openGuest)
    }

    private static func version(_ context: DeploymentContext, _ image: CachedImage?) async throws -> Int? {
        if let version = context.spec.postgresql.version { return version }
        if let version = try await context.journal.fact(PackagesFact.self)?.version { return version }
        if case .release(let release) = context.spec.machine.image { return release.postgresqlVersion }
        if case .built(let release)? = image?.origin { return release.postgresqlVersion }
        return nil
    }

    /// The values that a run has already chosen for the machine.
    private static func values(_ context: DeploymentContext) async throws -> PlannedValues {
        let network = try await context.journal.fact(NetworkFact.self)?.decision
        let asked = context.spec.network
        let isOfGuest = asked.mode != .user
        return PlannedValues(
            deployment: try await context.journal.fact(DeploymentFact.self)?.id, macAddress: network?.macAddress,
            sshPort: network?.sshPort ?? asked.sshPort ?? (isOfGuest ? GuestService.ssh.port : nil),
            postgresqlPort: network?.postgresqlPort ?? asked.postgresqlPort ?? (isOfGuest ? GuestService.postgresql.port : nil))
    }

    private func network(_ context: DeploymentContext, _ chosen: PlannedValues) async throws -> GuestNetwork {
        let decision = try await context.journal.fact(NetworkFact.self)?.decision
        return GuestNetwork(
            macAddress: "\(chosen.macAddress)",
            address: GuestNetwork.Address(
                context.spec.network, isBehindPasst: decision.map { $0.forwarder == .passt } ?? context.spec.takesPasst))
    }

    private func adoptedUUID(_ spec: ApplianceSpec) throws -> String? { try spec.dataDisk.adopt.map { try KeptData.load($0).fileSystemUUID } }

    /// If the host already has the machine, only its remaining resources count.
    private static func host(_ forecast: HostForecast, _ present: PresentAppliance, more: [Finding]) -> HostForecast {
        guard present.machine != nil else { return forecast }
        let resources = forecast.resources.filter { $0.kind == .space || present.power != .running }
        let refusals = resources.filter { $0.kind == .space && !$0.isEnough }.map {
            Finding(
                check: "host.space", level: .fail, measured: "\($0.available.mebibytes) MiB free at '\($0.place ?? "")'",
                expected: "more than \($0.needed.mebibytes) MiB", remedy: "free space, or ask for a smaller data disk")
        }
        return HostForecast(
            accelerator: forecast.accelerator, findings: refusals + (present.power == nil ? forecast.findings : []) + more, resources: resources,
            disk: forecast.disk,
            ports: forecast.ports, network: forecast.network)
    }

    /// Findings about settings that need more than the machine has.
    private static func sizes(_ spec: ApplianceSpec, _ version: Int?) -> [Finding] {
        let finding = SizeRules.finding(spec, version: version ?? spec.expectedVersion)
        return finding.level == .pass ? [] : [finding]
    }

    /// Findings about the existing machine that is to change.
    private static func findings(_ context: DeploymentContext, _ present: PresentAppliance) async throws -> [Finding] {
        var findings = [try await refusal(context, present), try await strangerOfThatName(context)]
        if let machine = present.machine, present.power != .absent, present.power != nil, let platform = context.backend.capabilities.availability {
            findings.append(try await platform.examineChange(of: machine))
        }
        return findings.compactMap(\.self)
    }

    /// A machine that has the name but belongs to someone else. The forecast reports the platform's other answers.
    private static func strangerOfThatName(_ context: DeploymentContext) async throws -> Finding? {
        guard let platform = context.backend.capabilities.names else { return nil }
        do {
            try await platform.checkName(context.spec.name, of: context.journal.fact(DeploymentFact.self)?.id)
            return nil
        } catch let error as Failure where error.code == .machineStranger {
            return Finding(check: "host.usable", level: .fail, measured: error.message, expected: "a name that no other machine has", remedy: error.remedy)
        } catch is Failure {
            return nil
        }
    }

    /// Why the existing machine cannot get the processor and memory of the spec.
    private static func refusal(_ context: DeploymentContext, _ present: PresentAppliance) async throws -> Finding? {
        guard let machine = present.machine, present.power != .absent, present.power != nil else { return nil }
        let size = context.spec.machine
        do {
            let accelerator = try await context.backend.processor(of: machine).accelerator
            try await context.backend.checkProcessor(CPUDecision(accelerator: accelerator, vcpus: size.vcpus, memory: size.memory), of: machine)
            return nil
        } catch let error as Failure {
            return Finding(check: "host.usable", level: .fail, measured: error.message, expected: "a host that can run the guest", remedy: error.remedy)
        }
    }

    /// The machine as the deployment leaves it; nil if the host cannot have it.
    private func machine(
        _ context: DeploymentContext, _ present: PresentAppliance, _ host: HostForecast, _ image: CachedImage?
    ) async throws -> PlannedMachine? {
        let spec = context.spec
        if let reference = present.machine, reference.backend == context.backend.kind,
            let there = try await context.backend.plannedMachine(of: reference)
        {
            let cpu = CPUDecision(accelerator: there.spec.cpu.accelerator, vcpus: spec.machine.vcpus, memory: spec.machine.memory)
            return PlannedMachine(spec: there.spec.resized(cpu: cpu, dataDisk: spec.dataDisk.size), hasSeed: there.hasSeed)
        }
        guard let accelerator = host.accelerator, let expected = host.disk else { return nil }
        let disk = try await context.journal.fact(DiskFact.self)?.decision ?? expected
        let network = try await context.journal.fact(NetworkFact.self)?.decision
        let values = try await Self.values(context)
        return PlannedMachine(
            spec: MachineSpec(
                deployment: values.deployment.value ?? DeploymentID(""), name: spec.name,
                cpu: CPUDecision(accelerator: accelerator, vcpus: spec.machine.vcpus, memory: spec.machine.memory), disk: disk,
                network: network
                    ?? host.network
                    ?? NetworkDecision(
                        mode: spec.network.mode, macAddress: "", sshPort: values.sshPort.value ?? 0, postgresqlPort: values.postgresqlPort.value ?? 0,
                        device: spec.network.device,
                        forwarder: spec.takesPasst ? .passt : nil),
                image: BaseImage(
                    path: image.map { environment.images.diskPath($0).string } ?? "", key: image?.key ?? "", format: image?.format == .raw ? .raw : .qcow2,
                    firmware: image?.firmware == .bios ? .bios : .uefi),
                systemDisk: spec.machine.systemDisk, dataDiskSize: spec.dataDisk.size, adoptedDataDisk: spec.dataDisk.adopt), hasSeed: true,
            values: values)
    }

    private static func recipe(_ machine: PlannedMachine?, _ backend: any MachineBackend) async throws -> MachineRecipe {
        guard let machine else { return MachineRecipe() }
        do {
            return try await backend.recipe(for: machine)
        } catch let error as Failure where error.code == .programMissing || error.code == .programFailed {
            // The findings report what is missing.
            return MachineRecipe()
        }
    }

    private static func packages(_ spec: ApplianceSpec, _ image: CachedImage?, _ version: Int?, hasMachine: Bool) -> PlannedPackages {
        var inImage: [String] = []
        var buildsImage = false
        if case .release(let release) = spec.machine.image {
            inImage = ImageCache.packages(of: release)
            buildsImage = image == nil && !hasMachine
        }
        return PlannedPackages(
            image: "\(spec.machine.image)", imageKey: image?.key, buildsImage: buildsImage, inImage: inImage, postgresqlVersion: version,
            source: spec.postgresql.source.rawValue, installed: version.map { ["postgresql-\($0)", "postgresql-client-\($0)"] } ?? [])
    }
}

extension PlannedChange {
    fileprivate var asReplaced: PlannedChange { PlannedChange(path: path, before: before, after: after, effect: .replaced, reason: nil) }
}

/// The journal of an appliance that does not have one.
struct EmptyJournal: JournalStorage {
    func readAll() throws -> [UInt8] { [] }

    func append(_ line: [UInt8]) throws { throw Failure(.fileUnwritable, "the journal was opened for reading") }

    func truncate(toByteCount count: Int) {}
}

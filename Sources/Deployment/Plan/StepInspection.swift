internal import ApplianceModel
internal import Basics
internal import MachineBackend
internal import Workflow

/// Inspects every step of a deployment without performing any.
struct StepInspection {
    let context: DeploymentContext
    /// Nil if it is not known.
    let version: Int?
    let asksGuest: Bool
    /// Whether the spec differs from what is deployed.
    let isChanged: Bool

    /// The steps whose content is in the guest.
    private static let inGuest: Set<StepID> = [
        PrepareDataDiskStep().id, InstallPostgreSQLStep().id, ConfigurePostgreSQLStep().id,
    ]

    func all() async -> [PlannedStep] {
        var steps: [PlannedStep] = []
        for step in (try? await Deployer.steps(for: context)) ?? Deployer.steps {
            let (status, reason) = await status(of: step, after: steps)
            let explanation = step.explanation(context)
            steps.append(
                PlannedStep(
                    id: step.id.rawValue, title: step.title, status: status, reason: reason, what: explanation.what, why: explanation.why,
                    byHand: explanation.byHand))
        }
        await context.guest.close()
        return steps
    }

    private func status(of step: any Step<DeploymentContext>, after earlier: [PlannedStep]) async -> (PlannedStep.Status, String?) {
        do {
            if step.id == BootGuestStep().id, let known = try await boot() { return known }
            if Self.inGuest.contains(step.id), let known = try await withoutGuest(step.id, earlier) { return known }
            if step.id == VerifyStep().id, isChanged || earlier.last?.status == .pending { return (.pending, nil) }
            guard case .satisfied(let reason) = try await step.inspect(context) else { return (.pending, nil) }
            return (.done, reason)
        } catch {
            return (.unknown, (error as? Failure)?.message ?? "\(error)")
        }
    }

    /// The status of the boot while the guest is not asked; nil if it may be asked.
    private func boot() async throws -> (PlannedStep.Status, String?)? {
        guard !asksGuest, try await context.journal.fact(FirstBootFact.self) != nil, let machine = try await context.journal.fact(MachineFact.self)?.reference
        else { return nil }
        switch try await context.backend.powerState(of: machine) {
        case .running: return (.unknown, "the machine runs; its guest was not asked")
        case .absent, .off, .paused, .unresponsive: return (.pending, "the machine does not run")
        }
    }

    /// The status of a step's content while the guest does not answer; nil if it answers.
    private func withoutGuest(_ step: StepID, _ earlier: [PlannedStep]) async throws -> (PlannedStep.Status, String?)? {
        guard try await context.journal.fact(FirstBootFact.self) != nil else { return (.pending, nil) }
        if step == ConfigurePostgreSQLStep().id {
            guard let fact = try await context.journal.fact(ConfigurationFact.self), let version else { return (.pending, nil) }
            guard try ServerContent(context.spec, version: version, place: fact.place ?? .userNetworking).digest == fact.digest else {
                return (.pending, "files, roles or databases are others")
            }
        }
        guard earlier.first(where: { $0.id == BootGuestStep().id.rawValue })?.status != .done else { return nil }
        return (.unknown, "it shows in the guest, which was not asked or does not answer")
    }
}

internal import ApplianceModel
internal import MachineBackend
internal import Workflow

/// Whether this host can run the appliance, and with which accelerator.
struct CheckHostStep: Step {
    let id = StepID(rawValue: "check-host")
    let title = "Check the host"

    func explanation(_ context: DeploymentContext) -> StepExplanation { StepExplanation(context.backend.words(for: .checkHost, context.spec)) }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let host = try await context.journal.fact(HostFact.self), try await context.journal.fact(MachineFact.self) != nil else { return .pending }
        return .satisfied("the machine runs under \(host.report.accelerator.rawValue.uppercased())")
    }

    func perform(_ context: DeploymentContext) async throws {
        let deployment = try await context.journal.fact(DeploymentFact.self)?.id
        try await context.backend.capabilities.names?.checkName(context.spec.name, of: deployment)
        // A place counts once the disks were decided for it. Until then nothing was put there, and another may be better by now.
        let place = try await context.journal.fact(DiskFact.self)?.decision.place
        let report = try await context.backend.checkHost(context.spec, at: place)
        for finding in report.findings { StepProgress.report("\(finding.check): \(finding.measured)") }
        try await context.journal.record(HostFact(report: report))
    }

    func revert(_ context: DeploymentContext) async throws { try await context.journal.forget(HostFact.self) }
}

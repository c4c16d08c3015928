internal import ApplianceModel
internal import MachineBackend
internal import Workflow

/// Step 1 of the scenario: VirtIO Block, straight to the host's kernel.
struct ConfigureDiskStep: Step {
    let id = StepID(rawValue: "configure-disk")
    let title = "Choose the disks (VirtIO Block)"

    func explanation(_ context: DeploymentContext) -> StepExplanation { StepExplanation(context.backend.words(for: .configureDisks, context.spec)) }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let fact = try await context.journal.fact(DiskFact.self) else { return .pending }
        return .satisfied("cache \(fact.decision.cacheDirect ? "none" : "writeback"), aio \(fact.decision.aio.rawValue)")
    }

    func perform(_ context: DeploymentContext) async throws {
        let (decision, findings) = try await context.backend.decideDisks(context.spec, at: context.decidedPlace())
        for finding in findings { StepProgress.report("\(finding.check): \(finding.measured)") }
        try await context.journal.record(DiskFact(decision: decision, findings: findings))
    }

    func revert(_ context: DeploymentContext) async throws { try await context.journal.forget(DiskFact.self) }
}

/// Step 2 of the scenario: the guest sees the host's processor.
struct ConfigureCPUStep: Step {
    let id = StepID(rawValue: "configure-cpu")
    let title = "Choose the processor"

    func explanation(_ context: DeploymentContext) -> StepExplanation { StepExplanation(context.backend.words(for: .configureProcessor, context.spec)) }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let decision = try await context.journal.fact(CPUFact.self)?.decision, decision.vcpus == context.spec.machine.vcpus,
            decision.memory == context.spec.machine.memory
        else { return .pending }
        return .satisfied("\(decision.accelerator.rawValue.uppercased()), \(decision.vcpus) vCPUs, \(decision.memory)")
    }

    func perform(_ context: DeploymentContext) async throws {
        let accelerator = try await context.require(HostFact.self).report.accelerator
        try await context.journal.record(
            CPUFact(decision: CPUDecision(accelerator: accelerator, vcpus: context.spec.machine.vcpus, memory: context.spec.machine.memory)))
    }

    func revert(_ context: DeploymentContext) async throws { try await context.journal.forget(CPUFact.self) }
}

/// Step 3 of the scenario: virtio-net, with a fixed address and fixed ports.
struct ConfigureNetworkStep: Step {
    let id = StepID(rawValue: "configure-network")
    let title = "Choose the network (virtio-net)"

    func explanation(_ context: DeploymentContext) -> StepExplanation { StepExplanation(context.backend.words(for: .configureNetwork, context.spec)) }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let decision = try await context.journal.fact(NetworkFact.self)?.decision else { return .pending }
        guard let ssh = decision.endpoint(.ssh), let postgresql = decision.endpoint(.postgresql) else {
            return .satisfied("\(decision.mode.rawValue) '\(decision.device ?? "")', address by DHCP")
        }
        return .satisfied("SSH on \(ssh), PostgreSQL on \(postgresql)")
    }

    func perform(_ context: DeploymentContext) async throws {
        let decision = try await context.backend.decideNetwork(
            context.spec, deployment: context.deploymentID(), at: context.decidedPlace())
        try await context.journal.record(NetworkFact(decision: decision))
    }

    func revert(_ context: DeploymentContext) async throws { try await context.journal.forget(NetworkFact.self) }
}

internal import ApplianceModel
internal import Basics
internal import MachineBackend
internal import Workflow

/// Gives an existing machine another processor or memory: it is shut down here, and started by the step that boots it.
struct ResizeMachineStep: Step {
    let id = StepID(rawValue: "resize-machine")
    let title = "Change the machine"
    /// How long the guest may take to shut down.
    static let grace = Duration.seconds(300)

    /// Whether a machine's processor or memory differs from the spec's.
    static func isNeeded(_ context: DeploymentContext) async throws -> Bool {
        guard let machine = try await context.journal.fact(MachineFact.self)?.reference,
            case let state = try await context.backend.powerState(of: machine), state != .absent
        else { return false }
        let present = try await context.backend.processor(of: machine)
        return present.vcpus != context.spec.machine.vcpus || present.memory != context.spec.machine.memory
    }

    func explanation(_ context: DeploymentContext) -> StepExplanation { StepExplanation(context.backend.words(for: .resizeMachine, context.spec)) }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        try await Self.isNeeded(context) ? .pending : .satisfied("\(context.spec.machine.vcpus) vCPUs, \(context.spec.machine.memory)")
    }

    func perform(_ context: DeploymentContext) async throws {
        let machine = try await context.machine()
        let decision = try await context.require(CPUFact.self).decision
        try await context.backend.checkProcessor(decision, of: machine)
        try await context.journal.forget(VerifiedFact.self)
        await context.guest.close()
        StepProgress.report("waiting until the guest has shut down")
        try await context.backend.shutDown(machine, grace: Self.grace)
        try await context.backend.setProcessor(decision, of: machine)
    }

    /// Does nothing: deploying the former spec again is the way back.
    func revert(_ context: DeploymentContext) async throws {}
}

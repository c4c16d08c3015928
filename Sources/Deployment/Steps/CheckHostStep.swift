internal import ApplianceModel
internal import MachineBackend
internal import Workflow

/// Whether this host can run the appliance, and with which accelerator.
struct CheckHostStep: Step {
    let id = StepID(rawValue: "check-host")
    let title = "Check the host"

    func explanation(_ context: DeploymentContext) -> StepExplanation {
        guard !context.isOnProxmox else {
            return StepExplanation(
                what: "asks the server for its version, the token's rights, and a node with the bridge, the stores and the room for the machine",
                why: "what the server would refuse later is found before anything is created",
                byHand: ["pgkvm proxmox check SPEC", "pveversion", "pvesm status", "pvesh get /cluster/resources"])
        }
        return StepExplanation(
            what: "runs a tiny guest under KVM, asks QEMU for its abilities, and looks at memory and disk space",
            why: "a host that cannot run the guest is found before anything is created",
            byHand: ["grep -E 'vmx|svm' /proc/cpuinfo", "ls -l /dev/kvm", "qemu-system-x86_64 --version", "df -h"])
    }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let host = try await context.journal.fact(HostFact.self), try await context.journal.fact(MachineFact.self) != nil else { return .pending }
        return .satisfied("the machine runs under \(host.report.accelerator.rawValue.uppercased())")
    }

    func perform(_ context: DeploymentContext) async throws {
        if let place = try await context.journal.fact(DiskFact.self)?.decision.place { context.backend.capabilities.placing?.keep(place) }
        let deployment = try await context.journal.fact(DeploymentFact.self)?.id
        try await context.backend.capabilities.names?.checkName(context.spec.name, of: deployment)
        let report = try await context.backend.checkHost(context.spec)
        for finding in report.findings { StepProgress.report("\(finding.check): \(finding.measured)") }
        try await context.journal.record(HostFact(report: report))
    }

    func revert(_ context: DeploymentContext) async throws { try await context.journal.forget(HostFact.self) }
}

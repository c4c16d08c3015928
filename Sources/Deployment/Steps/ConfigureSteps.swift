internal import ApplianceModel
internal import MachineBackend
internal import Workflow

/// Step 1 of the scenario: VirtIO Block, straight to the host's kernel.
struct ConfigureDiskStep: Step {
    let id = StepID(rawValue: "configure-disk")
    let title = "Choose the disks (VirtIO Block)"

    func explanation(_ context: DeploymentContext) -> StepExplanation {
        guard !context.isOnProxmox else {
            return StepExplanation(
                what: "decides the node and its stores for a system disk and a \(context.spec.dataDisk.size) raw data disk, without the node's page cache",
                why: "a commit is as fast as one flush through this path; what a store does with the space of a disk is said beforehand",
                byHand: ["qm set VMID --virtio1 STORAGE:10,cache=none,aio=native,iothread=1"])
        }
        return StepExplanation(
            what: "decides cache mode, aio and I/O thread for a system disk and a \(context.spec.dataDisk.size) raw data disk, by trying them there",
            why: "a commit is as fast as one flush through this path, and a disk whose space is reserved cannot run out under the database",
            byHand: ["qm set VMID --virtio1 STORAGE:10,cache=none,iothread=1", "virsh attach-disk --targetbus virtio --cache none --io native"])
    }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let fact = try await context.journal.fact(DiskFact.self) else { return .pending }
        return .satisfied("cache \(fact.decision.cacheDirect ? "none" : "writeback"), aio \(fact.decision.aio.rawValue)")
    }

    func perform(_ context: DeploymentContext) async throws {
        let (decision, findings) = try await context.backend.decideDisks(context.spec)
        for finding in findings { StepProgress.report("\(finding.check): \(finding.measured)") }
        try await context.journal.record(DiskFact(decision: decision, findings: findings))
    }

    func revert(_ context: DeploymentContext) async throws { try await context.journal.forget(DiskFact.self) }
}

/// Step 2 of the scenario: the guest sees the host's processor.
struct ConfigureCPUStep: Step {
    let id = StepID(rawValue: "configure-cpu")
    let title = "Choose the processor"

    func explanation(_ context: DeploymentContext) -> StepExplanation {
        guard context.spec.machine.accelerator != .tcg else {
            return StepExplanation(
                what: "emulates \(context.spec.machine.vcpus) vCPUs with every instruction that QEMU can emulate, and gives the guest "
                    + "\(context.spec.machine.memory) of memory",
                why: "'machine.accelerator: tcg' asks for it; it is many times slower than the host's own processor",
                byHand: [context.isOnProxmox ? "qm set VMID --kvm 0 --cpu max --cores \(context.spec.machine.vcpus)" : "qemu-system-x86_64 -accel tcg -cpu max"]
            )
        }
        return StepExplanation(
            what: "gives the guest \(context.spec.machine.vcpus) vCPUs of the host's own kind and \(context.spec.machine.memory) of memory",
            why: "AES-NI and the other instructions of the host reach the database; a generic model hides them",
            byHand: ["qm set VMID --cpu host --cores \(context.spec.machine.vcpus)", "virt-install --cpu host-passthrough"])
    }

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

/// Step 3 of the scenario: virtio-net, with an address and ports that stay.
struct ConfigureNetworkStep: Step {
    let id = StepID(rawValue: "configure-network")
    let title = "Choose the network (virtio-net)"

    func explanation(_ context: DeploymentContext) -> StepExplanation {
        let network = context.spec.network
        guard network.mode != .user else {
            return StepExplanation(
                what: "chooses a MAC address and two free ports on 127.0.0.1, and keeps them for the appliance's life",
                why: "clients keep their connection strings; with user networking the guest is reachable from this host only",
                byHand: ["qm set VMID --net0 virtio,bridge=vmbr0"])
        }
        return StepExplanation(
            what: "looks at \(Self.words(network)), chooses a MAC address and the card's queues",
            why: "the guest is a host of that network, and keeps its address as long as its card has the same one",
            byHand: [Self.byHand(network)])
    }

    private static func words(_ network: ApplianceSpec.Network) -> String {
        let device = network.device ?? ""
        return network.mode == .nat ? "libvirt's network '\(device)'" : "the host's \(network.mode.rawValue) device '\(device)'"
    }

    private static func byHand(_ network: ApplianceSpec.Network) -> String {
        let device = network.device ?? ""
        return switch network.mode {
        case .bridge: "qm set VMID --net0 virtio,bridge=\(device)"
        case .nat: "virsh net-info \(device)"
        case .tap, .user: "ip -details link show dev \(device)"
        }
    }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let decision = try await context.journal.fact(NetworkFact.self)?.decision else { return .pending }
        guard let ssh = decision.endpoint(.ssh), let postgresql = decision.endpoint(.postgresql) else {
            return .satisfied("\(decision.mode.rawValue) '\(decision.device ?? "")', address by DHCP")
        }
        return .satisfied("SSH on \(ssh), PostgreSQL on \(postgresql)")
    }

    func perform(_ context: DeploymentContext) async throws {
        let decision = try await context.backend.decideNetwork(context.spec, deployment: context.deploymentID())
        try await context.journal.record(NetworkFact(decision: decision))
    }

    func revert(_ context: DeploymentContext) async throws { try await context.journal.forget(NetworkFact.self) }
}

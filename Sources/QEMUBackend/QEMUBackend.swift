package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
package import SystemPackage

/// Machines as QEMU processes on this host.
package struct QEMUBackend: MachineBackend, Sendable {
    package let kind = BackendKind.qemu
    let state: StateDirectory
    /// The path of this program, for systemd's units and for the commands in front of QEMU.
    let program: String
    /// Whether a check of a machine cuts its serial log when the log has grown too long.
    var cutsLogs = true
    /// The installed QEMU's abilities, kept for a plan, which needs them more than once.
    let probed = ProbedAbilities()
    /// The directory of the units that systemd reads at boot.
    let unitDirectory: FilePath
    /// Where the unified control groups are mounted.
    let controlGroups: FilePath
    /// KVM's device.
    var kvm: FilePath = "/dev/kvm"
    /// How long a start waits for KVM's device: at boot the kernel's module may be loaded after everything else.
    var kvmPatience = Duration.seconds(30)
    /// Reports what a start is waiting for.
    let report: @Sendable (String) -> Void

    package init(
        state: StateDirectory, program: String, unitDirectory: FilePath = "/etc/systemd/system", controlGroups: FilePath = "/sys/fs/cgroup",
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.state = state
        self.program = program
        self.unitDirectory = unitDirectory
        self.controlGroups = controlGroups
        self.report = report
    }

    func directory(of machine: MachineReference) throws -> MachineDirectory {
        guard let name = ApplianceName(machine.identifier) else {
            throw Failure(.machineNotFound, "'\(machine.identifier)' is no machine of this host")
        }
        return state.appliance(name).machine()
    }

    func name(of machine: MachineReference) throws -> ApplianceName { try load(machine).spec.name }

    func load(_ machine: MachineReference) throws -> QEMUMachine {
        guard let found = try QEMUMachine.load(from: directory(of: machine)) else {
            throw Failure(.machineNotFound, "the machine of '\(machine.identifier)' is gone", remedy: "pgkvm delete \(machine.identifier)")
        }
        guard found.spec.deployment == machine.deployment else { throw stranger(machine.identifier) }
        return found
    }

    func stranger(_ name: String) -> Failure {
        Failure(.machineStranger, "the machine '\(name)' belongs to another deployment", remedy: "choose another name, or 'pgkvm delete \(name)'")
    }

    package func find(_ deployment: DeploymentID, name: ApplianceName) async throws -> MachineReference? {
        guard let machine = try QEMUMachine.load(from: state.appliance(name).machine()), machine.spec.deployment == deployment else { return nil }
        return MachineReference(backend: kind, deployment: deployment, identifier: name.rawValue)
    }

    package func endpoint(of machine: MachineReference, service: GuestService) async throws -> Endpoint? {
        let network = try load(machine).spec.network
        if let endpoint = network.endpoint(service) { return endpoint }
        let agent = GuestAgent(socket: file(machine, MachineDirectory.Name.agentSocket))
        return try await agent.address(of: network.macAddress).map { Endpoint(host: $0.description, port: service.port) }
    }

    package func decideDisks(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> (DiskDecision, [Finding]) {
        try Files.createDirectory(state.path)
        return try await DiskProbe.decide(
            directory: state.path, abilities: QEMUAbilities.probe(), vcpus: spec.machine.vcpus, hostCPUs: HostCPU.current().logicalCPUs)
    }

    package func decideNetwork(_ spec: ApplianceSpec, deployment: DeploymentID, at place: MachinePlace?) async throws -> NetworkDecision {
        if let own = try QEMUMachine.load(from: state.appliance(spec.name).machine()), own.spec.deployment == deployment { return own.spec.network }
        let others = try PromisedNetworks(in: state)
        guard spec.network.mode == .user else {
            try others.checkTap(spec.network)
            try others.checkAddress(spec.network)
            return try HostNetwork().decide(spec.network, vcpus: spec.machine.vcpus, macAddress: deployment.macAddress)
        }
        let ports = try others.pickPorts(spec.network)
        if spec.takesPasst { try await PasstForwarding.tryOut() }
        return NetworkDecision(
            mode: spec.network.mode, macAddress: deployment.macAddress, sshPort: ports.ssh, postgresqlPort: ports.postgresql,
            forwarder: spec.takesPasst ? .passt : nil)
    }
}

extension QEMUBackend: SerialConsoleProviding, ProcessProviding, DataDiskFileProviding {
    package func serialLog(of machine: MachineReference) -> FilePath? { log(machine, MachineDirectory.Record.serialLog) }
    package func serialSocket(of machine: MachineReference) -> FilePath { file(machine, MachineDirectory.Name.serialSocket) }
    package func processLog(of machine: MachineReference) -> FilePath? { log(machine, MachineDirectory.Record.processLog) }
    package func dataDiskFile(of machine: MachineReference) -> FilePath { file(machine, MachineDirectory.Name.dataDisk) }

    package func processName(of machine: MachineReference) -> String? {
        ApplianceName(machine.identifier).map(QEMUCommandLine.processName)
    }

    package func separation(of machine: MachineReference) -> SeparationPromise {
        HostEnvironment.isRoot
            ? .promised(userIDs: MachineUserID.range)
            : .impossible(reason: "only root can give a machine's process a user and namespaces of its own: deploy as root where that matters")
    }

    package func processID(of machine: MachineReference) async throws -> Int32? {
        try QEMUProcess.id(in: directory(of: machine))
    }

    func file(_ machine: MachineReference, _ name: String) -> FilePath {
        state.path.appending(machine.identifier).appending("machines").appending("0").appending(name)
    }

    private func log(_ machine: MachineReference, _ name: String) -> FilePath? {
        (try? directory(of: machine)).map { MachineRecords($0).log(name) }
    }
}

internal import ApplianceModel
internal import Basics
internal import CloudInit
internal import HostSystem
internal import MachineBackend
internal import SecureShell
internal import SystemPackage
internal import Workflow

/// The appliance's keys, the machine, and the seed for its first boot.
struct CreateMachineStep: Step {
    let id = StepID(rawValue: "create-machine")
    let title = "Create the machine"

    func explanation(_ context: DeploymentContext) -> StepExplanation { StepExplanation(context.backend.words(for: .createMachine, context.spec)) }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let known = try await context.journal.fact(MachineFact.self)?.reference,
            try await context.backend.find(known.deployment, name: context.spec.name) != nil
        else { return .pending }
        return .satisfied("the machine '\(known.identifier)' is there")
    }

    func perform(_ context: DeploymentContext) async throws {
        try adoptSecrets(context)
        try await makeUserKey(context)
        StepProgress.report("making the disks")
        let machine = try await context.backend.create(try await machineSpec(context))
        StepProgress.report("making the seed")
        try await attachSeed(context, machine)
        // Recorded last: until then, a new run creates key and seed again, and the guest has seen neither.
        try await context.journal.record(MachineFact(reference: machine))
    }

    func revert(_ context: DeploymentContext) async throws {
        if let machine = try await context.backend.find(context.deploymentID(), name: context.spec.name) {
            try await giveBackAdoptedDisk(context, machine)
            try await context.backend.delete(machine)
        }
        let directory = context.directory
        for file in [directory.sshKey, directory.sshPublicKey, directory.knownHost] { try Files.remove(file) }
        try await context.journal.forget(MachineFact.self)
    }

    /// An adopted disk holds a user's database, so undoing the step puts the disk back where it came from.
    private func giveBackAdoptedDisk(_ context: DeploymentContext, _ machine: MachineReference) async throws {
        guard let adopt = context.spec.dataDisk.adopt, let provider = context.backend.capabilities.dataDiskFile else { return }
        try await context.backend.powerOff(machine)
        let disk = provider.dataDiskFile(of: machine)
        try KeptData.moveDisk(disk, to: FilePath(adopt))
    }

    private func machineSpec(_ context: DeploymentContext) async throws -> MachineSpec {
        MachineSpec(
            deployment: try await context.deploymentID(), name: context.spec.name, cpu: try await context.require(CPUFact.self).decision,
            disk: try await context.require(DiskFact.self).decision, network: try await context.require(NetworkFact.self).decision,
            image: try await context.require(ImageFact.self).image, systemDisk: context.spec.machine.systemDisk,
            dataDiskSize: context.spec.dataDisk.size, adoptedDataDisk: context.spec.dataDisk.adopt.map { "\($0)/\(KeptData.Name.disk)" })
    }

    /// An adopted disk brings its CA and passwords, so that its clients keep working unchanged.
    private func adoptSecrets(_ context: DeploymentContext) throws {
        guard let adopt = context.spec.dataDisk.adopt else { return }
        let pairs = [
            (KeptData.Name.caCertificate, context.directory.caCertificate), (KeptData.Name.caKey, context.directory.caKey),
            (KeptData.Name.passwords, context.directory.passwords),
        ]
        for (name, target) in pairs where !Files.exists(target) {
            try Files.write(Files.read(FilePath(adopt).appending(name)), to: target)
        }
    }

    private func makeUserKey(_ context: DeploymentContext) async throws {
        let directory = context.directory
        if Files.exists(directory.sshKey), Files.exists(directory.sshPublicKey) { return }
        let pair = try await SSHKeyPair.generate(comment: "pgkvm@\(context.spec.name)", in: directory.path)
        try Files.write(pair.publicKey + "\n", to: directory.sshPublicKey)
        try pair.privateKey.withRevealed { try Files.write($0, to: directory.sshKey) }
    }

    private func authorizedKey(_ directory: ApplianceDirectory) throws -> String {
        String(try Files.readText(directory.sshPublicKey).prefix { !$0.isNewline })
    }

    /// Creates a host key for the first contact only: it is pinned, then put into the seed.
    private func attachSeed(_ context: DeploymentContext, _ machine: MachineReference) async throws {
        let hostKey = try await SSHKeyPair.generate(comment: "first contact", in: context.directory.path)
        guard let pinned = HostKey(openSSH: hostKey.publicKey) else {
            throw Failure(.programFailed, "ssh-keygen made a key that is not ed25519")
        }
        let seed = Seed(
            identity: GuestIdentity(
                instanceID: machine.deployment.rawValue, hostname: context.spec.name,
                authorizedKey: try authorizedKey(context.directory), hostKey: hostKey),
            network: try await context.guestNetwork())
        let medium = context.directory.path.appending("seed.partial")
        try await SeedMedium.write(seed, to: medium)
        try PinnedKeys.write([pinned], to: context.directory)
        try await context.backend.attachSeed(medium, to: machine)
    }
}

extension DeploymentContext {
    /// How the guest gets its address.
    func guestNetwork() async throws -> GuestNetwork {
        let decision = try await require(NetworkFact.self).decision
        return GuestNetwork(
            macAddress: decision.macAddress, address: GuestNetwork.Address(spec.network, isBehindPasst: decision.forwarder == .passt))
    }
}

extension GuestNetwork.Address {
    /// How a guest of a spec gets its address.
    init(_ network: ApplianceSpec.Network, isBehindPasst: Bool) {
        switch network.address {
        // passt's DHCP announces the host's own resolvers, but a guest cannot reach those on the loopback interface.
        case .dhcp where isBehindPasst: self = .static(.userNetworking)
        case .dhcp: self = .dhcp
        case .static: self = .static(.userNetworking)
        case .own(let own):
            self = .static(
                StaticAddress(address: own.address, prefixLength: own.prefixLength, gateway: network.gateway, nameServers: network.nameServers))
        }
    }
}

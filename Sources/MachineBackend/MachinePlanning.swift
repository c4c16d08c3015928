package import ApplianceModel

/// A backend that says what it would do, and makes, changes and tries nothing meanwhile.
package protocol MachinePlanning: Sendable {
    /// The same platform for whoever only looks: its answers leave every file of a machine as it is.
    var lookingOnly: any MachineBackend & MachinePlanning { get }
    /// What `checkHost`, `decideDisks` and `decideNetwork` would find and decide, as far as that can be seen without a trial.
    func forecast(_ spec: ApplianceSpec) async throws -> HostForecast
    /// The command that starts a machine. What is only chosen when it is made stands as a word in angle brackets.
    func command(for machine: PlannedMachine) async throws -> [String]
    /// The machine of a deployment as it was made; nil when there is none.
    func plannedMachine(of machine: MachineReference) async throws -> PlannedMachine?
}

/// A machine whose command can be told: one that is there, or one that is to be made.
package struct PlannedMachine: Sendable, Equatable {
    package var spec: MachineSpec
    /// Whether it has its seed: until the first boot is over.
    package var hasSeed: Bool

    package init(spec: MachineSpec, hasSeed: Bool) {
        self.spec = spec
        self.hasSeed = hasSeed
    }
}

/// What stands for values that a deployment chooses when it makes the machine.
package enum PlannedChoice {
    /// Of the machine's UUID, and of the seed's instance-id.
    package static let deployment = DeploymentID("<deployment id, chosen at the deployment>")
    package static let macAddress = "<MAC address, chosen at the deployment>"
    /// Of a port in a `NetworkDecision`; no service can have it.
    package static let port: UInt16 = 0
}

/// The host, looked at without a trial.
package struct HostForecast: Sendable, Codable, Equatable {
    /// Nil when none can be had.
    package let accelerator: Accelerator?
    /// What would refuse the deployment is one of level `fail`.
    package let findings: [Finding]
    package let resources: [HostResource]
    /// What is expected; the deployment tries it. Nil when that cannot be told.
    package let disk: DiskDecision?
    package let ports: [PlannedPort]
    /// What is expected of a network of the host; nil with user networking, and where the device cannot be had.
    package let network: NetworkDecision?

    package init(
        accelerator: Accelerator?, findings: [Finding], resources: [HostResource], disk: DiskDecision?, ports: [PlannedPort],
        network: NetworkDecision? = nil
    ) {
        self.accelerator = accelerator
        self.findings = findings
        self.resources = resources
        self.disk = disk
        self.ports = ports
        self.network = network
    }
}

/// Something of which the host has only so much.
package struct HostResource: Sendable, Codable, Equatable {
    package enum Kind: String, Sendable, Codable { case memory, space }

    package let kind: Kind
    package let needed: ByteSize
    package let available: ByteSize
    /// The directory whose file system it is; nil for memory.
    package let place: String?

    package init(kind: Kind, needed: ByteSize, available: ByteSize, place: String? = nil) {
        self.kind = kind
        self.needed = needed
        self.available = available
        self.place = place
    }

    package var isEnough: Bool { needed < available }
}

/// A port of this host that leads to a service of the guest.
package struct PlannedPort: Sendable, Codable, Equatable {
    package enum State: String, Sendable, Codable {
        /// A free one is chosen at the deployment.
        case open
        /// The spec names it and nobody uses it.
        case free
        /// The spec names it and it is taken.
        case taken
        /// The appliance has it already.
        case kept
    }

    package let service: String
    package let address: String
    /// Nil while it is open.
    package let port: UInt16?
    package let state: State

    package init(service: GuestService, address: String, port: UInt16?, state: State) {
        self.service = service.rawValue
        self.address = address
        self.port = port
        self.state = state
    }
}

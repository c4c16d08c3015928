package import ApplianceModel
package import Basics

/// The part of a backend that says what it would do, and makes, changes and tries nothing meanwhile.
package protocol MachinePlanning: Sendable {
    /// The same platform for whoever only looks: its answers leave every file of a machine as it is.
    var lookingOnly: any MachineBackend { get }
    /// The same platform for whoever only looks and must not contact another machine: what only that machine could tell is left out,
    /// and a question to it throws. A platform of this host is asked as ever.
    var offline: any MachineBackend { get }
    /// What `checkHost`, `decideDisks` and `decideNetwork` would find and decide, as far as that can be seen without a trial.
    func forecast(_ spec: ApplianceSpec) async throws -> HostForecast
    /// What the platform is told so that a machine comes to be. What is only chosen when it is made is a word in angle brackets.
    func recipe(for machine: PlannedMachine) async throws -> MachineRecipe
    /// The machine of a deployment as it was made; nil when there is none.
    func plannedMachine(of machine: MachineReference) async throws -> PlannedMachine?
}

extension MachinePlanning {
    package var offline: any MachineBackend { lookingOnly }
}

/// A machine whose command can be told: one that is there, or one that is to be made.
package struct PlannedMachine: Sendable, Equatable {
    package var spec: MachineSpec
    /// Whether it has its seed: until the first boot is over.
    package var hasSeed: Bool
    /// What is chosen and what is not; what is not has no meaning in `spec`, and texts are made of these.
    package var values: PlannedValues

    /// - Parameter values: nil where everything is chosen.
    package init(spec: MachineSpec, hasSeed: Bool, values: PlannedValues? = nil) {
        self.spec = spec
        self.hasSeed = hasSeed
        self.values = values ?? PlannedValues(of: spec)
    }
}

/// What a platform is told so that a machine comes to be.
package struct MachineRecipe: Sendable, Equatable {
    /// A file that the platform is given.
    package struct Document: Sendable, Equatable {
        package let name: String
        package let content: String

        package init(name: String, content: String) {
            self.name = name
            self.content = content
        }
    }

    /// A request to the platform's API.
    package struct Call: Sendable, Equatable, Codable {
        /// The HTTP method.
        package let method: String
        package let path: String
        /// In the order in which they are sent, each `name=value`; nothing secret is among them.
        package let parameters: [String]
        /// The lines any of which a person would type on the platform's host instead.
        package let byHand: [String]

        package init(method: String, path: String, parameters: [String], byHand: [String]) {
            self.method = method
            self.path = path
            self.parameters = parameters
            self.byHand = byHand
        }
    }

    /// The command that starts the machine; empty where no command does.
    package var command: [String]
    package var documents: [Document]
    package var calls: [Call]

    package init(command: [String] = [], documents: [Document] = [], calls: [Call] = []) {
        self.command = command
        self.documents = documents
        self.calls = calls
    }
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
    /// What is expected of a network of the host, with no MAC address yet; nil with user networking, and where the device cannot be had.
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

    /// What is said of memory: a host may promise more than it has, and does so at the guest's risk.
    package var finding: Finding {
        Finding(
            check: "host.memory", level: isEnough ? .pass : .warn, measured: "\(available.mebibytes) MiB available",
            expected: "more than the guest's \(needed)",
            remedy: isEnough ? nil : "the host is overcommitted: it may swap or kill the guest; give the guest less memory")
    }
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

    /// Those of a guest with an address of its own: they are nobody else's.
    package static func ofGuest(_ network: ApplianceSpec.Network, isThere: Bool) -> [PlannedPort] {
        let address: String
        if case .own(let own) = network.address { address = "\(own.address)" } else { address = "<address of the guest, given by DHCP>" }
        return GuestService.allCases.map { PlannedPort(service: $0, address: address, port: $0.port, state: isThere ? .kept : .free) }
    }

    /// Those of 127.0.0.1 that user networking forwards.
    /// - Parameter kept: what the machine has already; nil while there is none.
    package static func ofThisHost(_ network: ApplianceSpec.Network, kept: NetworkDecision?, isFree: (UInt16) -> Bool) -> [PlannedPort] {
        [(GuestService.ssh, network.sshPort), (.postgresql, network.postgresqlPort)].map { service, wanted in
            if let kept { return PlannedPort(service: service, address: "127.0.0.1", port: kept.port(of: service), state: .kept) }
            guard let wanted else { return PlannedPort(service: service, address: "127.0.0.1", port: nil, state: .open) }
            return PlannedPort(service: service, address: "127.0.0.1", port: wanted, state: isFree(wanted) ? .free : .taken)
        }
    }
}

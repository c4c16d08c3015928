package import ApplianceModel
package import Basics

/// The part of a backend that reports what it would do, without making, changing or trying anything.
package protocol MachinePlanning: Sendable {
    /// The same platform for a caller that only looks: its answers leave every file of a machine as it is.
    var lookingOnly: any MachineBackend { get }
    /// The same platform for a caller that only looks and must not contact another machine. What only that machine could answer is left out,
    /// and a query to it throws. A platform on this host is queried as usual.
    var offline: any MachineBackend { get }
    /// What `checkHost`, `decideDisks` and `decideNetwork` would find and decide, as far as that is visible without a trial.
    func forecast(_ spec: ApplianceSpec) async throws -> HostForecast
    /// What the platform is given to create a machine. A value that is chosen only at creation is a word in angle brackets.
    func recipe(for machine: PlannedMachine) async throws -> MachineRecipe
    /// The machine of a deployment as it was made; nil when there is none.
    func plannedMachine(of machine: MachineReference) async throws -> PlannedMachine?
}

extension MachinePlanning {
    package var offline: any MachineBackend { lookingOnly }
}

/// A machine whose command can be shown: one that exists, or one that would be made.
package struct PlannedMachine: Sendable, Equatable {
    package var spec: MachineSpec
    /// Whether it has its seed: until the first boot is over.
    package var hasSeed: Bool
    /// Which values are chosen and which are not. A value that is not chosen has no meaning in `spec`; texts are made of these values.
    package var values: PlannedValues

    /// - Parameter values: nil where everything is chosen.
    package init(spec: MachineSpec, hasSeed: Bool, values: PlannedValues? = nil) {
        self.spec = spec
        self.hasSeed = hasSeed
        self.values = values ?? PlannedValues(of: spec)
    }
}

/// What a platform is given to create a machine.
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
        /// In the order in which they are sent, each `name=value`; none of them is secret.
        package let parameters: [String]
        /// The lines that a person would type on the platform's host instead; any one of them is enough.
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

/// What is known about the host without a trial.
package struct HostForecast: Sendable, Codable, Equatable {
    /// Nil when no accelerator is available.
    package let accelerator: Accelerator?
    /// A finding of level `fail` would refuse the deployment.
    package let findings: [Finding]
    package let resources: [HostResource]
    /// The expected decision, which the deployment will try out. Nil when it cannot be predicted.
    package let disk: DiskDecision?
    package let ports: [PlannedPort]
    /// The decision expected for a network of the host, without a MAC address yet; nil with user networking, and where the device is unavailable.
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

/// A limited resource of the host.
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

    /// The finding about memory: a host may promise more than it has, which is a risk for the guest.
    package var finding: Finding {
        Finding(
            check: "host.memory", level: isEnough ? .pass : .warn, measured: "\(available.mebibytes) MiB available",
            expected: "more than the guest's \(needed)",
            remedy: isEnough ? nil : "the host is overcommitted: it may swap or kill the guest; give the guest less memory")
    }
}

/// A port on this host that leads to a service of the guest.
package struct PlannedPort: Sendable, Codable, Equatable {
    package enum State: String, Sendable, Codable {
        /// A free port is chosen at deployment.
        case open
        /// The spec names the port, and it is not in use.
        case free
        /// The spec names the port, and it is in use.
        case taken
        /// The appliance already has the port.
        case kept
    }

    package let service: String
    package let address: String
    /// Nil while it is not chosen.
    package let port: UInt16?
    package let state: State

    package init(service: GuestService, address: String, port: UInt16?, state: State) {
        self.service = service.rawValue
        self.address = address
        self.port = port
        self.state = state
    }

    /// The ports of a guest that has its own address: no one else can use them.
    package static func ofGuest(_ network: ApplianceSpec.Network, isThere: Bool) -> [PlannedPort] {
        let address: String
        if case .own(let own) = network.address { address = "\(own.address)" } else { address = "<address of the guest, given by DHCP>" }
        return GuestService.allCases.map { PlannedPort(service: $0, address: address, port: $0.port, state: isThere ? .kept : .free) }
    }

    /// The ports of 127.0.0.1 that user networking forwards.
    /// - Parameter kept: the network that the machine already has; nil while there is none.
    package static func ofThisHost(_ network: ApplianceSpec.Network, kept: NetworkDecision?, isFree: (UInt16) -> Bool) -> [PlannedPort] {
        [(GuestService.ssh, network.sshPort), (.postgresql, network.postgresqlPort)].map { service, wanted in
            if let kept { return PlannedPort(service: service, address: "127.0.0.1", port: kept.port(of: service), state: .kept) }
            guard let wanted else { return PlannedPort(service: service, address: "127.0.0.1", port: nil, state: .open) }
            return PlannedPort(service: service, address: "127.0.0.1", port: wanted, state: isFree(wanted) ? .free : .taken)
        }
    }
}

/// A value of a machine that a plan may not know yet. A text that is made of it says so in angle brackets.
package enum Planned<Value: Sendable & Equatable & CustomStringConvertible>: Sendable, Equatable, CustomStringConvertible {
    case chosen(Value)
    /// It is chosen when the machine is made; what it is, in words.
    case later(String)

    /// - Parameter words: what the value is, for where there is none yet.
    package init(_ value: Value?, _ words: String) { self = value.map(Planned.chosen) ?? .later(words) }

    package var value: Value? { if case .chosen(let value) = self { value } else { nil } }

    package var description: String {
        switch self {
        case .chosen(let value): "\(value)"
        case .later(let words): "<\(words), chosen at the deployment>"
        }
    }
}

/// What a deployment chooses for a machine when it makes it.
package struct PlannedValues: Sendable, Equatable {
    package let deployment: Planned<DeploymentID>
    package let macAddress: Planned<String>
    /// Of the host with user networking, else the guest's own.
    package let sshPort: Planned<UInt16>
    package let postgresqlPort: Planned<UInt16>

    /// - Parameters: nil for what is not chosen yet.
    package init(deployment: DeploymentID?, macAddress: String?, sshPort: UInt16?, postgresqlPort: UInt16?) {
        self.deployment = Planned(deployment, "deployment id")
        self.macAddress = Planned(macAddress, "MAC address")
        self.sshPort = Planned(sshPort, "port for SSH")
        self.postgresqlPort = Planned(postgresqlPort, "port for PostgreSQL")
    }

    /// Those of a machine that is decided.
    package init(of machine: MachineSpec) {
        self.init(
            deployment: machine.deployment, macAddress: machine.network.macAddress, sshPort: machine.network.sshPort,
            postgresqlPort: machine.network.postgresqlPort)
    }

    package func port(of service: GuestService) -> Planned<UInt16> { service == .ssh ? sshPort : postgresqlPort }
}

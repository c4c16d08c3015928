/// A value of a machine that a plan may not know yet. A text that contains it then shows words in angle brackets.
package enum Planned<Value: Sendable & Equatable & CustomStringConvertible>: Sendable, Equatable, CustomStringConvertible {
    case chosen(Value)
    /// The value is chosen when the machine is made; the string describes it in words.
    case later(String)

    /// - Parameter words: a description of the value, used while there is none.
    package init(_ value: Value?, _ words: String) { self = value.map(Planned.chosen) ?? .later(words) }

    package var value: Value? { if case .chosen(let value) = self { value } else { nil } }

    package var description: String {
        switch self {
        case .chosen(let value): "\(value)"
        case .later(let words): "<\(words), chosen at the deployment>"
        }
    }
}

/// The values that a deployment chooses when it makes a machine.
package struct PlannedValues: Sendable, Equatable {
    package let deployment: Planned<DeploymentID>
    package let macAddress: Planned<String>
    /// The host's port with user networking, otherwise the guest's own.
    package let sshPort: Planned<UInt16>
    package let postgresqlPort: Planned<UInt16>

    /// - Parameters: nil for a value that is not chosen yet.
    package init(deployment: DeploymentID?, macAddress: String?, sshPort: UInt16?, postgresqlPort: UInt16?) {
        self.deployment = Planned(deployment, "deployment id")
        self.macAddress = Planned(macAddress, "MAC address")
        self.sshPort = Planned(sshPort, "port for SSH")
        self.postgresqlPort = Planned(postgresqlPort, "port for PostgreSQL")
    }

    /// The values of a machine for which everything is decided.
    package init(of machine: MachineSpec) {
        self.init(
            deployment: machine.deployment, macAddress: machine.network.macAddress, sshPort: machine.network.sshPort,
            postgresqlPort: machine.network.postgresqlPort)
    }

    package func port(of service: GuestService) -> Planned<UInt16> { service == .ssh ? sshPort : postgresqlPort }
}

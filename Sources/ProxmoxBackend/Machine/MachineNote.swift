internal import ApplianceModel
internal import MachineBackend

/// What pgkvm writes into a machine's description (its "Notes"): the deployment that it belongs to, and how to reach its guest.
struct MachineNote: Equatable {
    let name: String
    let deployment: DeploymentID
    /// The guest's own address; nil where its network assigns the address.
    let address: IPv4Address?

    /// The tag of every pgkvm machine.
    static let tag = "pgkvm"
    /// The tags of a new machine: the tool that made it, and what it is.
    static let tags = "\(tag);postgresql"
    private static let deploymentKey = "pgkvm-deployment:"
    private static let addressKey = "pgkvm-address:"
    private static let protectionKey = "pgkvm-protection:"

    init(name: String, deployment: DeploymentID, address: IPv4Address?) {
        self.name = name
        self.deployment = deployment
        self.address = address
    }

    var text: String {
        let head = "PostgreSQL appliance '\(name)', made by pgkvm. Keep the next lines: pgkvm knows the machine by them."
        return
            ([head, "", "\(Self.deploymentKey) \(deployment)"] + (address.map { ["\(Self.addressKey) \($0)"] } ?? []) + [
                "\(Self.protectionKey) lifted by 'pgkvm delete'"
            ])
            .joined(separator: "\n")
    }

    /// The deployment that a description names; nil for a machine that does not belong to pgkvm.
    static func deployment(in text: String) -> DeploymentID? { value(deploymentKey, in: text).map { DeploymentID($0) } }

    /// Whether pgkvm protects the machine, and may lift the protection again. A user who removes the line keeps control of the protection.
    static func isProtected(in text: String) -> Bool { value(protectionKey, in: text) != nil }

    static func address(in text: String) -> IPv4Address? { value(addressKey, in: text).flatMap { IPv4Address($0) } }

    private static func value(_ key: String, in text: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) {
            let line = String(line).trimming()
            if line.hasPrefix(key) { return String(line.dropFirst(key.count)).trimming() }
        }
        return nil
    }
}

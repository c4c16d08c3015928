package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import Quoting

/// Machines of a Proxmox VE server or cluster.
///
/// The deployment's identity in a machine's description and UUID shows that the machine is ours. Its tag and its name show where to look, and its
/// number is only a handle. The state is what the API reports now: nothing is kept on this host.
package struct ProxmoxBackend: MachineBackend, Sendable {
    package let kind = BackendKind.proxmox
    let connection: ProxmoxConnection
    /// Returns the value of an environment variable.
    let environment: @Sendable (String) -> String?
    let timing: PVETiming
    /// Reports what the server is doing meanwhile.
    let report: @Sendable (String) -> Void
    /// Whether the server must not be contacted.
    var isOffline = false
    private let pin = ServerPin()
    private let contact = ServerContact()

    /// - Parameters:
    ///   - environment: returns the value of an environment variable; the token may be in one.
    ///   - report: receives a line for people whenever there is something new.
    package init(
        connection: ProxmoxConnection, environment: @escaping @Sendable (String) -> String?, timing: PVETiming = PVETiming(),
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.connection = connection
        self.environment = environment
        self.timing = timing
        self.report = report
    }

    /// The only way to the server: every request needs a client.
    /// - Throws: `proxmox.token`, `proxmox.token-host`, `proxmox.not-proxmox`, `proxmox.not-asked`, `file.unreadable`.
    func client() throws -> PVEClient {
        guard !isOffline else { throw Failure(.proxmoxNotAsked, "the server '\(connection.url)' was not asked") }
        let token = try PVEToken.find(for: ServerAddress(url: connection.url), file: connection.tokenFile, environment: environment)
        return PVEClient(connection: connection, token: token, pin: pin, contact: contact, timing: timing)
    }

    package func endpoint(of machine: MachineReference, service: GuestService) async throws -> Endpoint? {
        let client = try client()
        let found = try await existing(machine, client)
        if let address = MachineNote.address(in: found.config.description) { return Endpoint(host: address.description, port: service.port) }
        guard let macAddress = found.config.macAddress else { return nil }
        let call = PVECall.interfaces(found.place, release: nil)
        let answer = try await client.answer(call)
        if answer.status == 500, ServerReason.noGuestAgent.isGiven(in: answer.message) {
            throw Failure(
                .proxmoxChanged, "VM \(found.place.vmid) on node '\(found.place.node)' has no guest agent any more, which tells the address that DHCP gave it",
                remedy: "give it back and start the machine anew: qm set \(found.place.vmid) --agent enabled=1")
        }
        // The server answers this while the machine is off, and until the agent in the guest answers.
        if answer.status == 500, !ServerReason.unknownNode.isGiven(in: answer.message) { return nil }
        let data = try answer.data(call, token: client.token)
        return GuestCards.address(of: macAddress, in: data["result"] ?? .null).map { Endpoint(host: $0.description, port: service.port) }
    }
}

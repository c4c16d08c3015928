package import ApplianceModel
internal import HostSystem
package import MachineBackend

/// Machines of a Proxmox VE server or cluster.
///
/// A machine is ours by the deployment's identity in its description; its tag says where to look, and its number is only a handle.
/// What the API says now is the state: nothing is kept on this host.
package struct ProxmoxBackend: MachineBackend {
    package let kind = BackendKind.proxmox
    let connection: ProxmoxConnection
    /// The value of a variable of the environment.
    let environment: @Sendable (String) -> String?
    let timing: PVETiming
    /// Told what the server is doing while that lasts.
    let report: @Sendable (String) -> Void
    private let pin = ServerPin()

    /// - Parameters:
    ///   - environment: the value of a variable; the token may be in one.
    ///   - report: is given a line for people whenever there is something new.
    package init(
        connection: ProxmoxConnection, environment: @escaping @Sendable (String) -> String?, timing: PVETiming = PVETiming(),
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.connection = connection
        self.environment = environment
        self.timing = timing
        self.report = report
    }

    /// - Throws: `proxmox.token`, `file.unreadable`.
    func client() throws -> PVEClient {
        let token = try PVEToken.find(file: connection.tokenFile, environment: environment)
        return PVEClient(connection: connection, token: token, pin: pin, timing: timing)
    }

    package func find(_ deployment: DeploymentID, name: ApplianceName) async throws -> MachineReference? {
        let client = try client()
        let found = try await find(deployment, name: name, client)
        return found.map { MachineReference(backend: kind, deployment: deployment, identifier: "\($0.place.vmid)") }
    }

    /// Looks for a machine by its deployment; where there is none, also behind creations that are still under way.
    func find(_ deployment: DeploymentID, name: ApplianceName, _ client: PVEClient) async throws -> FoundMachine? {
        if let found = try await search(deployment, name: name, client) { return found }
        // Until a creation ends, its machine has a number and nothing else: a killed run may have left one.
        guard try await waitForCreations(client) else { return nil }
        return try await search(deployment, name: name, client)
    }

    private func search(_ deployment: DeploymentID, name: ApplianceName, _ client: PVEClient) async throws -> FoundMachine? {
        let machines = try await client.data(.machines).elements.compactMap(MachineView.init).filter { $0.tags.contains(MachineNote.tag) }
        var silent: Failure?
        // The one of our name first: it is nearly always that.
        for machine in machines.filter({ $0.name == name.rawValue }) + machines.filter({ $0.name != name.rawValue }) {
            let answer = try await client.answer(.config(machine.place))
            if answer.isSuccess {
                let config = MachineConfig(data: try answer.data(.config(machine.place), token: client.token))
                if config.deployment == deployment { return FoundMachine(place: machine.place, config: config) }
            } else if machine.name == nil || machine.name == name.rawValue, try await isThere(machine.place.vmid, client) {
                silent = answer.failure(.config(machine.place), token: client.token)
            }
        }
        // It may be the one that cannot be asked: then nobody can say that there is none.
        if let silent { throw silent }
        return nil
    }

    /// Waits until no machine is being made for our token on any node.
    /// - Returns: whether there was one.
    private func waitForCreations(_ client: PVEClient) async throws -> Bool {
        var isAny = false
        for node in try await client.data(.nodes).elements.compactMap({ $0["node"]?.text }) {
            let answer = try await client.answer(.activeTasks(node: node, type: "qmcreate"))
            guard answer.isSuccess else { continue }
            for row in try answer.data(.activeTasks(node: node, type: "qmcreate"), token: client.token).elements {
                guard let upid = row["upid"]?.text.flatMap({ UPID($0) }), upid.user == client.token.identifier else { continue }
                isAny = true
                let task = PVETask(
                    client: client, upid: upid, title: "the creation of VM \(upid.subject)", limit: timing.copyTask, silence: timing.copySilence, report: report
                )
                do {
                    try await task.wait()
                } catch let error as Failure where error.code == .proxmoxTaskFailed {
                    // It left nothing.
                }
            }
        }
        return isAny
    }

    /// The machine of a reference, on whatever node it is now; nil when there is none of that number.
    /// - Throws: `machine.stranger` when the number is another machine's, `proxmox.permission` when the token does not see it.
    func locate(_ machine: MachineReference, _ client: PVEClient) async throws -> FoundMachine? {
        let vmid = try vmid(of: machine)
        let machines = try await client.data(.machines).elements.compactMap(MachineView.init)
        guard let seen = machines.first(where: { $0.place.vmid == vmid }) else {
            guard try await isThere(vmid, client) else { return nil }
            throw Failure(
                .proxmoxPermission, "there is a machine \(vmid), and the token '\(client.token.identifier)' does not see it: it needs VM.Audit on /vms",
                remedy: "as root on a node: \(PVEPermission("/vms", "VM.Audit").grant(to: client.token))")
        }
        let answer = try await client.answer(.config(seen.place))
        // It may have gone between the two questions.
        if !answer.isSuccess, answer.status == 500, answer.message.contains("does not exist"), try await !isThere(vmid, client) { return nil }
        let config = MachineConfig(data: try answer.data(.config(seen.place), token: client.token))
        guard config.deployment == machine.deployment else { throw stranger(seen, config) }
        return FoundMachine(place: seen.place, config: config)
    }

    /// - Throws: `machine.not-found` as well.
    func existing(_ machine: MachineReference, _ client: PVEClient) async throws -> FoundMachine {
        guard let found = try await locate(machine, client) else {
            throw Failure(
                .machineNotFound, "there is no VM \(machine.identifier) any more on '\(connection.url)'", remedy: "pgkvm delete NAME, then deploy again")
        }
        return found
    }

    func vmid(of machine: MachineReference) throws -> Int {
        guard let vmid = Int(machine.identifier), (100...999_999_999).contains(vmid) else {
            throw Failure(.machineNotFound, "'\(machine.identifier)' is no machine of Proxmox")
        }
        return vmid
    }

    /// Whether a number is in use, by a machine that the token does not see too.
    private func isThere(_ vmid: Int, _ client: PVEClient) async throws -> Bool {
        let answer = try await client.answer(.isFree(vmid))
        if answer.status == 400, answer.faults.contains(where: { $0.name == "vmid" }) { return true }
        _ = try answer.data(.isFree(vmid), token: client.token)
        return false
    }

    private func stranger(_ machine: MachineView, _ config: MachineConfig) -> Failure {
        let whose = config.deployment.map { "belongs to the deployment \($0)" } ?? "has no line 'pgkvm-deployment: …' in its notes"
        return Failure(
            .machineStranger, "VM \(machine.place.vmid) on node '\(machine.place.node)' \(whose): it is not this appliance's",
            remedy: "when it is, and only its notes were changed by hand, write the line back there: the appliance's directory has the deployment's id")
    }

    package func endpoint(of machine: MachineReference, service: GuestService) async throws -> Endpoint? {
        let client = try client()
        let found = try await existing(machine, client)
        if let address = MachineNote.address(in: found.config.description) { return Endpoint(host: address.description, port: service.port) }
        guard let macAddress = found.config.macAddress else { return nil }
        let call = PVECall.interfaces(found.place, release: nil)
        let answer = try await client.answer(call)
        // While the machine is off, and until the agent in the guest answers.
        if answer.status == 500, !answer.message.hasPrefix("hostname lookup") { return nil }
        let data = try answer.data(call, token: client.token)
        return GuestCards.address(of: macAddress, in: data["result"] ?? .null).map { Endpoint(host: $0.description, port: service.port) }
    }
}

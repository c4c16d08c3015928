package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import Quoting

/// Finding the server's machine for an appliance.
extension ProxmoxBackend {
    package func find(_ deployment: DeploymentID, name: ApplianceName) async throws -> MachineReference? {
        let client = try client()
        let found = try await find(deployment, name: name, client)
        return found.map { MachineReference(backend: kind, deployment: deployment, identifier: "\($0.place.vmid)") }
    }

    /// Looks for a machine by its deployment; where there is none, it also waits for creations that are still under way.
    func find(_ deployment: DeploymentID, name: ApplianceName, _ client: PVEClient) async throws -> FoundMachine? {
        if let found = try await search(deployment, name: name, client) { return found }
        // Until a creation ends, its machine has only a number: a killed run may have left such a creation.
        guard try await waitForCreations(client) else { return nil }
        return try await search(deployment, name: name, client)
    }

    private func search(_ deployment: DeploymentID, name: ApplianceName?, _ client: PVEClient) async throws -> FoundMachine? {
        try await again { try await searchOnce(deployment, name: name, client) }
    }

    /// A machine may move to another node between the list and the question about it: then the list is outdated.
    private func again<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as Failure where error.code == .proxmoxRefused && ServerReason.machineGone.isGiven(in: error.message) {
            return try await body()
        }
    }

    /// Both the tag and the name show where to look: a tag is easily removed by editing.
    private func searchOnce(_ deployment: DeploymentID, name: ApplianceName?, _ client: PVEClient) async throws -> FoundMachine? {
        let machines = try await client.data(.machines).elements.compactMap(MachineView.init)
        let named = machines.filter { $0.name != nil && $0.name == name?.rawValue }
        let others = machines.filter { $0.tags.contains(MachineNote.tag) && !named.contains($0) }
        var silent: Failure?
        // Machines with our name come first: it is nearly always one of them.
        for group in [named, others] {
            var ours: [FoundMachine] = []
            for machine in group {
                let answer = try await client.answer(.config(machine.place))
                if answer.isSuccess {
                    let config = MachineConfig(data: try answer.data(.config(machine.place), token: client.token))
                    if config.isMachine(of: deployment) { ours.append(FoundMachine(place: machine.place, config: config)) }
                } else if machine.name == nil || machine.name == name?.rawValue, try await isThere(machine.place.vmid, client) {
                    silent = answer.failure(.config(machine.place), token: client.token)
                }
            }
            guard ours.count < 2 else { throw Self.twice(ours) }
            if let found = ours.first { return found }
        }
        // The machine that does not answer may be the right one: then the result is unknown.
        if let silent { throw silent }
        return nil
    }

    private static func twice(_ machines: [FoundMachine]) -> Failure {
        let list = machines.map { "VM \($0.place.vmid) on node '\($0.place.node)'" }.joined(separator: " and ")
        return Failure(
            .machineStranger, "\(list) both say that they are this appliance's machine: one was restored from a backup of the other",
            remedy: "keep one: remove the other, or give it another identity: qm set VMID --smbios1 uuid=$(uuidgen)")
    }

    /// Waits until no node is creating a machine that may be ours.
    /// - Returns: whether there was such a creation.
    private func waitForCreations(_ client: PVEClient) async throws -> Bool {
        var isAny = false
        for node in try await client.data(.nodes).elements.compactMap({ $0["node"]?.text }) {
            let answer = try await client.answer(.activeTasks(node: node, type: "qmcreate"))
            guard answer.isSuccess else { continue }
            for row in try answer.data(.activeTasks(node: node, type: "qmcreate"), token: client.token).elements {
                guard let upid = row["upid"]?.text.flatMap({ UPID($0) }), upid.user == client.token.identifier else { continue }
                let task = PVETask(
                    client: client, upid: upid, title: "the creation of VM \(upid.subject)", limit: timing.copyTask, silence: timing.copySilence,
                    isOurs: false, report: report)
                guard try await copiesImageOfOurs(task) else { continue }
                isAny = true
                do {
                    try await task.wait()
                } catch let error as Failure where error.code == .proxmoxTaskFailed {
                    // The task left nothing.
                }
            }
        }
        return isAny
    }

    /// Whether a machine is being made from a pgkvm image. The same token may make other machines.
    private func copiesImageOfOurs(_ task: PVETask) async throws -> Bool {
        let isOurs: Bool? = try await task.firstWord(within: timing.firstWord) { line in
            if line.contains(":import/pgkvm-") { return true }
            // The firmware's disk comes first, and does not identify the image.
            return line.begins(with: "create full clone of drive") || line.begins(with: "\(MachineParameters.systemDrive): ") ? false : nil
        }
        return isOurs ?? false
    }

    /// The machine of a reference, on whatever node it is now; nil when there is none. A number that has since been given to another machine does
    /// not count.
    /// - Throws: `machine.stranger` when the machine with that number is only half ours, `proxmox.permission` when the token does not see it.
    func locate(_ machine: MachineReference, _ client: PVEClient) async throws -> FoundMachine? {
        try await again { try await locateOnce(machine, client) }
    }

    private func locateOnce(_ machine: MachineReference, _ client: PVEClient) async throws -> FoundMachine? {
        let vmid = try vmid(of: machine)
        let machines = try await client.data(.machines).elements.compactMap(MachineView.init)
        if let seen = machines.first(where: { $0.place.vmid == vmid }) {
            let answer = try await client.answer(.config(seen.place))
            // The machine may have gone between the two requests.
            if !answer.isSuccess, answer.status == 500, ServerReason.machineGone.isGiven(in: answer.message), try await !isThere(vmid, client) { return nil }
            let config = MachineConfig(data: try answer.data(.config(seen.place), token: client.token))
            if config.isMachine(of: machine.deployment) { return FoundMachine(place: seen.place, config: config) }
            guard config.isForeign(to: machine.deployment) else { throw stranger(seen, config, machine.deployment) }
        } else if try await isThere(vmid, client) {
            throw Failure(
                .proxmoxPermission, "there is a machine \(vmid), and the token '\(client.token.identifier)' does not see it: it needs VM.Audit on /vms",
                remedy: "as root on a node: \(PVEPermission("/vms", "VM.Audit").grant(to: client.token))")
        }
        return try await searchOnce(machine.deployment, name: nil, client)
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

    /// Whether a number is in use, even by a machine that the token does not see.
    func isThere(_ vmid: Int, _ client: PVEClient) async throws -> Bool {
        let answer = try await client.answer(.isFree(vmid))
        if answer.status == 400, answer.faults.contains(where: { $0.name == "vmid" }) { return true }
        _ = try answer.data(.isFree(vmid), token: client.token)
        return false
    }

    private func stranger(_ machine: MachineView, _ config: MachineConfig, _ deployment: DeploymentID) -> Failure {
        guard config.deployment == deployment else {
            let whose = config.deployment.map { "belongs to the deployment \($0) by its notes" } ?? "has no line 'pgkvm-deployment: …' in its notes"
            return Failure(
                .machineStranger, "VM \(machine.place.vmid) on node '\(machine.place.node)' \(whose): it is not this appliance's",
                remedy: "when it is, and only its notes were changed by hand, write the line back there: the appliance's directory has the deployment's id")
        }
        return Failure(
            .machineStranger,
            "VM \(machine.place.vmid) on node '\(machine.place.node)' has the notes of this appliance's machine and not its UUID: it is a copy",
            remedy: "when it is no copy, and only its UUID was changed by hand: qm set \(machine.place.vmid) --smbios1 uuid=\(deployment.uuid)")
    }
}

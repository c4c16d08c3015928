package import ApplianceModel
internal import Basics
package import MachineBackend

/// Names of machines: Proxmox allows two machines with the same name, but people could not tell them apart.
extension ProxmoxBackend: NameExamining {
    package func checkName(_ name: ApplianceName, of deployment: DeploymentID?) async throws {
        guard !isOffline else { return }
        let client = try client()
        try await Self.checkName(name, of: deployment, in: ClusterView.read(client), client)
    }

    /// - Returns: the deployment's own machine with that name.
    @discardableResult
    static func checkName(_ name: ApplianceName, of deployment: DeploymentID?, in cluster: ClusterView, _ client: PVEClient) async throws -> MachineView? {
        var own: MachineView?
        for machine in cluster.machines where machine.name == name.rawValue {
            let config = MachineConfig(data: try await client.data(.config(machine.place)))
            guard let deployment, config.isMachine(of: deployment) else { throw isStrangers(name, machine, config.deployment) }
            own = machine
        }
        return own
    }

    /// - Parameter deployment: the deployment that the machine's notes name.
    static func isStrangers(_ name: ApplianceName, _ machine: MachineView, _ deployment: DeploymentID? = nil) -> Failure {
        let whose = deployment.map { "was deployed by pgkvm from another state directory (\($0))" } ?? "is not this appliance's"
        return Failure(
            .machineStranger, "VM \(machine.place.vmid) on node '\(machine.place.node)' is called '\(name)' and \(whose)",
            remedy: "choose another name, or give that machine another: qm set \(machine.place.vmid) --name OTHER"
                + (deployment == nil ? "" : "; the state directory is in PGKVM_HOME"))
    }
}

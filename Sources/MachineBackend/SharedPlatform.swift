package import ApplianceModel

/// A backend of a platform where machines of others are, whose names stand in the way.
package protocol NameExamining: Sendable {
    /// - Parameter deployment: what was deployed under the name from here; nil while nothing was.
    /// - Throws: `machine.stranger` when a machine has the name that is not the deployment's.
    func checkName(_ name: ApplianceName, of deployment: DeploymentID?) async throws
}

/// A backend whose storage may promise a new disk its space and reserve none of it.
package protocol SpaceReserving: Sendable {
    /// Whether the guest has to write to the data disk once for its space to be reserved, and it then stays so.
    func isReservedByWriting(_ machine: MachineReference) async throws -> Bool
    /// Whether the storage can still hold what the data disk was promised.
    func examinePromise(to machine: MachineReference) async throws -> [Finding]
}

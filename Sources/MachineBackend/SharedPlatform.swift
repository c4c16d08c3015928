package import ApplianceModel

/// A backend of a platform that also has other people's machines, whose names may conflict.
package protocol NameExamining: Sendable {
    /// - Parameter deployment: what was deployed under the name from here; nil while nothing was.
    /// - Throws: `machine.stranger` when a machine of another deployment has the name.
    func checkName(_ name: ApplianceName, of deployment: DeploymentID?) async throws
}

/// A backend whose storage may promise a new disk its space without reserving any of it.
package protocol SpaceReserving: Sendable {
    /// Whether the space of the data disk is reserved once the guest has written to all of it, and then stays reserved.
    func isReservedByWriting(_ machine: MachineReference) async throws -> Bool
    /// Whether the storage can still provide the space that was promised to the data disk.
    func examinePromise(to machine: MachineReference) async throws -> [Finding]
}

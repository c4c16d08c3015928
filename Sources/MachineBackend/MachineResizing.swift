/// A backend whose machines can get another processor and memory.
package protocol MachineResizing: Sendable {
    /// What the machine is started with.
    func processor(of machine: MachineReference) async throws -> CPUDecision
    /// Gives a machine that is off another processor and memory, from its next start on. Repeatable.
    /// - Throws: `machine.still-running`.
    func setProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws
}

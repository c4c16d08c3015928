package import Basics

/// The part of a backend that changes a machine's processor and memory, and enlarges its data disk.
package protocol MachineResizing: Sendable {
    /// The processor and memory that the machine is started with.
    func processor(of machine: MachineReference) async throws -> CPUDecision
    /// Checks whether the machine could run with another processor and memory, before the guest is shut down for the change.
    /// - Throws: the reason why its next start would be impossible.
    func checkProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws
    /// Gives a machine that is off another processor and memory, effective at its next start. Repeatable.
    /// - Throws: `machine.still-running`.
    func setProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws
    /// The size of the data disk.
    func dataDisk(of machine: MachineReference) async throws -> ByteSize
    /// The free space on the storage that holds the data disk.
    func spaceLeft(for machine: MachineReference) async throws -> ByteSize
    /// Grows the data disk and reserves all its space, also while the machine runs. Repeatable; a larger disk stays as it is.
    /// - Throws: `disk.full`; the disk is then unchanged.
    func growDataDisk(to size: ByteSize, of machine: MachineReference) async throws
}

extension MachineResizing {
    package func checkProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws {}
}

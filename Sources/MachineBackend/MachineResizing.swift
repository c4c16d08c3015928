package import Basics

/// The part of a backend that gives its machines another processor and memory, and a larger data disk.
package protocol MachineResizing: Sendable {
    /// What the machine is started with.
    func processor(of machine: MachineReference) async throws -> CPUDecision
    /// Looks whether the machine could run with another processor and memory, before the guest is shut down for it.
    /// - Throws: what would make its next start impossible.
    func checkProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws
    /// Gives a machine that is off another processor and memory, from its next start on. Repeatable.
    /// - Throws: `machine.still-running`.
    func setProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws
    /// The size of the data disk.
    func dataDisk(of machine: MachineReference) async throws -> ByteSize
    /// What is free where the data disk lies.
    func spaceLeft(for machine: MachineReference) async throws -> ByteSize
    /// Grows the data disk with all its space reserved, of a machine that runs too. Repeatable; a disk that is larger stays as it is.
    /// - Throws: `disk.full`; the disk is then as it was.
    func growDataDisk(to size: ByteSize, of machine: MachineReference) async throws
}

extension MachineResizing {
    package func checkProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws {}
}

internal import ApplianceModel
package import MachineBackend

/// Another size for a machine that exists.
extension QEMUBackend: MachineResizing {
    package func processor(of machine: MachineReference) async throws -> CPUDecision { try load(machine).spec.cpu }

    package func setProcessor(_ cpu: CPUDecision, of machine: MachineReference) async throws {
        var record = try load(machine)
        guard record.spec.cpu != cpu else { return }
        guard case .off = try await powerState(of: machine) else {
            throw Failure(
                .machineStillRunning, "the machine of '\(machine.identifier)' has to be off to get another processor or memory",
                remedy: "pgkvm stop \(machine.identifier)")
        }
        record.spec = record.spec.resized(cpu: cpu, dataDisk: record.spec.dataDiskSize)
        try record.save(to: directory(of: machine), owner: .current())
    }
}

internal import ApplianceModel
internal import HostSystem
package import MachineBackend

extension QEMUBackend: CommandProviding {
    package func command(of machine: MachineReference) async throws -> [String] {
        let record = try load(machine)
        return try await QEMUUser.current().emulator(forKVM: record.spec.cpu.accelerator == .kvm)
            + QEMUCommandLine(machine: record, abilities: QEMUAbilities.probe()).arguments
    }
}

internal import ApplianceModel
internal import HostSystem
package import MachineBackend

extension QEMUBackend: CommandProviding {
    package func command(of machine: MachineReference) async throws -> [String] {
        try await command(of: load(machine), abilities: QEMUAbilities.probe(), user: .current())
    }
}

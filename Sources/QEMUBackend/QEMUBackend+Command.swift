internal import ApplianceModel
internal import HostSystem
package import MachineBackend

extension QEMUBackend: CommandProviding {
    package func command(of machine: MachineReference) async throws -> [String] {
        let record = try load(machine)
        return try command(of: record, abilities: try await QEMUAbilities.probe(), user: .chosen(.of(record)))
    }
}

import ApplianceModel
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

@Suite("QEMU keeps what every platform promises", .serialized)
struct ConformanceTests {
    @Test("A promise of every platform", arguments: BackendConformance.allCases)
    func hold(promise: BackendConformance) async throws {
        try await Workbench.with { bench in
            typealias Name = MachineDirectory.Name
            // What a machine consists of, and no log of what it did.
            let parts = [MachineDirectory.Record.machine, Name.systemDisk, Name.dataDisk, Name.firmwareVariables, Name.seed]
            let everything: @Sendable () async throws -> [String] = {
                let files = try await ProgramRunner.check("find", [bench.state.path.string, "-type", "f"]).outputText.split(separator: "\n").map(String.init)
                return files.filter { file in parts.contains { file.hasSuffix("/\($0)") } }.sorted()
            }
            try await promise.hold(
                BackendBench(backend: bench.backend, directory: bench.state.path, spec: { try bench.spec($0.rawValue) }, everything: everything))
        }
    }
}

import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SystemPackage
import Testing

@testable import QEMUBackend

/// Real QEMUs whose records are taken away while they run.
@Suite("A machine without its records", .serialized, .timeLimit(.minutes(40)))
struct RemainsTests {
    /// What is taken away: the record of the machine, and what says which process it is.
    @Test(
        "Is found and ended by the name alone",
        arguments: [
            [MachineDirectory.Record.machine], [MachineDirectory.Record.machine, MachineDirectory.Record.processID],
            [MachineDirectory.Record.machine, MachineDirectory.Record.processID, MachineDirectory.Name.monitorSocket],
        ])
    func found(lost: [String]) async throws {
        try await Workbench.with { bench in
            let backend = bench.backend
            let spec = try bench.spec()
            #expect(try await !backend.runs(spec.name))
            try await backend.end(spec.name, grace: nil)
            let machine = try await backend.create(spec)
            #expect(backend.recordedMachine(of: spec.name) == machine)
            #expect(try await !backend.runs(spec.name))
            try await backend.start(machine)
            let process = try #require(try await backend.processID(of: machine))
            let directory = try bench.machineDirectory()
            for name in lost {
                try Files.remove(name == MachineDirectory.Name.monitorSocket ? directory.file(name) : directory.record(name))
            }
            #expect(backend.recordedMachine(of: spec.name) == nil)
            #expect(try await backend.runs(spec.name))
            // The firmware of a machine without a system does not know the power button.
            let error = await #expect(throws: Failure.self) { try await backend.end(spec.name, grace: .milliseconds(300)) }
            #expect(error?.code == .machineStillRunning)
            #expect(try await backend.runs(spec.name))
            try await backend.remove(spec.name)
            #expect(try await !backend.runs(spec.name))
            #expect(!ProcessTable.exists(process))
        }
    }

    @Test("A process of another name in its directory is not the machine")
    func bystander() async throws {
        try await Workbench.with { bench in
            let spec = try bench.spec()
            _ = try await bench.backend.create(spec)
            let log = try FileDescriptor.open("/dev/null", .writeOnly)
            defer { try? log.close() }
            let process = try DetachedProcess.spawn(["sleep", "600"], in: bench.machineDirectory().path, output: log)
            try await bench.backend.remove(spec.name)
            #expect(ProcessTable.exists(process.processID))
            try ProcessTable.kill(process.processID)
        }
    }
}

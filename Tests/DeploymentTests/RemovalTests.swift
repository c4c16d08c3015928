import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SpecFile
import TestSupport
import Testing

@testable import Deployment

@Suite("Removing an appliance")
struct RemovalTests {
    /// The stored spec says where the machine is.
    private func elsewhere(_ scratch: Scratch) async throws -> Appliance {
        let appliance = try await scratch.withMachine()
        var spec = appliance.context.spec
        spec.machine.backend = .libvirt
        try Files.write(SpecFile.render(spec), to: appliance.directory.spec)
        return try Appliance.open("db", in: scratch.environment)
    }

    @Test("An appliance whose platform is gone is forgotten without a question to it, and its machine is named")
    func forgotten() async throws {
        try await Scratch.with { scratch in
            let appliance = try await elsewhere(scratch)
            let gone = Failure(.unsupported, "nobody answers")
            for call in ["find", "delete", "powerState", "shutDown", "powerOff"] { scratch.backend.fail(call, with: gone) }
            await #expect(throws: Failure.self) { try await appliance.delete() }
            #expect(Files.exists(appliance.directory.path))
            let before = scratch.backend.calls
            #expect(try await appliance.forget()?.identifier == "db")
            #expect(scratch.backend.calls == before)
            #expect(!Files.exists(appliance.directory.path))
        }
    }

    @Test("A machine of this host's own is not forgotten, since its disks would go")
    func ownMachine() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            let refused = await #expect(throws: Failure.self) { try await appliance.forget() }
            #expect(refused?.code == .unsupported)
            #expect(refused?.remedy == "pgkvm delete db")
            #expect(Files.exists(appliance.directory.path))
        }
    }

    @Test("Where no data can be kept, that is said before the guest is shut down")
    func nothingToKeep() async throws {
        try await Scratch.with { scratch in
            let appliance = try await elsewhere(scratch)
            let before = scratch.backend.calls
            let refused = await #expect(throws: Failure.self) { try await appliance.deleteKeepingData(grace: .seconds(1)) }
            #expect(refused?.code == .unsupported)
            #expect(scratch.backend.calls == before)
            #expect(Files.exists(appliance.directory.path))
        }
    }
}

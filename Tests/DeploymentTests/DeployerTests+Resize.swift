import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SpecFile
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment

/// Another size of the machine.
extension DeployerTests {
    @Test("Another size of a machine that is off needs no leave, is recorded before the machine is changed, and is made once")
    func resized() async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            var spec = try scratch.spec()
            spec.machine.memory = .gibibytes(4)
            spec.machine.vcpus = 3
            let (appliance, outcome) = try await scratch.deploy(spec)
            #expect(outcome.performed.map(\.rawValue) == ["configure-cpu", "resize-machine"])
            #expect(outcome.failure?.step == "boot-guest")
            #expect(try await appliance.context.journal.fact(CPUFact.self)?.decision.memory == .gibibytes(4))
            let machine = try #require(try await appliance.machine())
            #expect(try await scratch.backend.processor(of: machine) == CPUDecision(accelerator: .tcg, vcpus: 3, memory: .gibibytes(4)))
            let (_, again) = try await scratch.deploy(spec)
            #expect(again.performed.isEmpty)
            #expect(scratch.backend.calls.filter { $0 == "setProcessor" }.count == 1)
        }
    }

    @Test("A resize that was cut off between any two acts is finished by the next run")
    func resizeResumes() async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            var spec = try scratch.spec()
            spec.machine.memory = .gibibytes(4)
            for method in ["shutDown", "setProcessor"] {
                scratch.backend.fail(method, with: Failure(.unsupported, "cut off"))
                #expect(try await scratch.deploy(spec).1.failure?.step == "resize-machine")
                scratch.backend.fail(method, with: nil)
            }
            #expect(try await scratch.deploy(spec).1.performed.map(\.rawValue) == ["resize-machine"])
        }
    }

    @Test("A machine that runs is not restarted without leave: nothing changes, and the message says what to type")
    func needsRestart() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            scratch.backend.set(.running, of: "db")
            let before = (try Files.read(appliance.directory.spec), try Files.read(appliance.directory.journal))
            var spec = try scratch.spec()
            spec.machine.memory = .gibibytes(4)
            let error = await #expect(throws: Failure.self) { _ = try await scratch.deploy(spec) }
            #expect(error?.code == .restartNeeded)
            #expect(error?.message.contains("machine.memory: 2GiB → 4GiB: needs a restart of the machine") == true)
            #expect(error?.remedy?.contains("--restart") == true)
            #expect(try Files.read(appliance.directory.spec) == before.0)
            #expect(try Files.read(appliance.directory.journal) == before.1)

            let (_, outcome) = try await scratch.deploy(spec, mayRestart: true)
            #expect(outcome.performed.map(\.rawValue) == ["configure-cpu", "resize-machine"])
            #expect(scratch.backend.calls.contains("shutDown"))
        }
    }

    @Test("What the machine could not be started with is refused while the guest runs")
    func impossibleSize() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            scratch.backend.set(.running, of: "db")
            scratch.backend.fail("checkProcessor", with: Failure(.unsupported, "the node has 8 processors"))
            var spec = try scratch.spec()
            spec.machine.vcpus = 64
            let (_, outcome) = try await scratch.deploy(spec, mayRestart: true)
            #expect(outcome.failure?.step == "resize-machine" && outcome.failure?.error?.message == "the node has 8 processors")
            let machine = try #require(try await appliance.machine())
            #expect(try await scratch.backend.powerState(of: machine) == .running)
            #expect(!scratch.backend.calls.contains("shutDown") && !scratch.backend.calls.contains("setProcessor"))
        }
    }
}

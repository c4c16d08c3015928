import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment

@Suite("Creating the machine")
struct CreateMachineStepTests {
    private let step = CreateMachineStep()
    private static let trouble = Failure(.unsupported, "no such luck")

    @Test("The machine is made as it was decided, and its host key is pinned before it has ever run")
    func performs() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.context()
            #expect(try await !step.inspect(context).isSatisfied)
            try await step.perform(context)
            let machine = try #require(scratch.backend.specs.withLock { $0["db"] })
            #expect(machine.cpu.vcpus == 2)
            #expect(machine.network.sshPort == 2222)
            #expect(try PinnedKeys.read(context.directory).count == 1)
            #expect(Files.status(context.directory.sshKey).map { $0.mode & 0o777 } == 0o600)
            #expect(scratch.backend.calls.suffix(2) == ["create", "attachSeed"])
            #expect(!Files.exists(context.directory.path.appending("seed.partial")))
            #expect(try await step.inspect(context).isSatisfied)
        }
    }

    @Test("Until the seed is attached nothing is on record; the next run keeps the user's key and pins another host key")
    func cutOff() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.context()
            scratch.backend.fail("attachSeed", with: Self.trouble)
            await #expect(throws: Failure.self) { try await step.perform(context) }
            #expect(try await context.journal.fact(MachineFact.self) == nil)
            let (user, host) = (try Files.readText(context.directory.sshKey), try PinnedKeys.read(context.directory))
            scratch.backend.fail("attachSeed", with: nil)
            try await step.perform(context)
            #expect(try Files.readText(context.directory.sshKey) == user)
            #expect(try PinnedKeys.read(context.directory) != host)
            #expect(try await context.journal.fact(MachineFact.self) != nil)
        }
    }

    @Test("A machine that is gone is made again")
    func gone() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine()
            try await context.backend.delete(context.machine())
            #expect(try await !step.inspect(context).isSatisfied)
        }
    }

    @Test("Undone, neither machine nor keys are left, also where the run was cut off before the record")
    func revert() async throws {
        for isCutOff in [false, true] {
            try await Scratch.with { scratch in
                let context = try await scratch.context()
                if isCutOff { scratch.backend.fail("attachSeed", with: Self.trouble) }
                try? await step.perform(context)
                try await step.revert(context)
                #expect(try await context.backend.find(context.deploymentID(), name: context.spec.name) == nil)
                #expect(try await context.journal.fact(MachineFact.self) == nil)
                for file in [context.directory.sshKey, context.directory.sshPublicKey, context.directory.knownHost] { #expect(!Files.exists(file)) }
            }
        }
    }

    @Test("An adopted disk brings its authority and passwords, and what is there already stays")
    func adopted() async throws {
        try await Scratch.with { scratch in
            let kept = scratch.path.appending("kept")
            try Files.createDirectory(kept)
            for name in [KeptData.Name.caCertificate, KeptData.Name.caKey, KeptData.Name.passwords] {
                try Files.write("kept \(name)", to: kept.appending(name))
            }
            var spec = try scratch.spec()
            spec.dataDisk.adopt = kept.string
            let context = try await scratch.context(spec)
            try Files.write("newer", to: context.directory.passwords)
            try await step.perform(context)
            #expect(try Files.readText(context.directory.caKey) == "kept \(KeptData.Name.caKey)")
            #expect(try Files.readText(context.directory.passwords) == "newer")
            #expect(scratch.backend.specs.withLock { $0["db"]?.adoptedDataDisk } == "\(kept)/\(KeptData.Name.disk)")
        }
    }
}

import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SecureShell
import TestSupport
import Testing
import Workflow

@testable import Deployment

/// From power-on to a guest that is its own, with a guest that answers from a script.
@Suite("Booting the guest")
struct BootGuestStepTests {
    private static let newKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA" + String(repeating: "b", count: 42)
    private let step = BootGuestStep()

    private func answerFirstBoot(_ guest: ScriptedGuest) {
        guest.answer("/run/cloud-init/result.json")
        guest.answer("if ! ssh-keygen", output: Self.newKey + "\n")
        guest.answer("expected=")
        guest.answer("05-pgkvm.network")
    }

    private func pinned(_ context: DeploymentContext) throws -> [String] { try PinnedKeys.read(context.directory).map(\.openSSHLine) }

    @Test("The guest gets a key that was never in its seed, leaves cloud-init, and loses the seed")
    func firstBoot() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine()
            let first = try pinned(context)
            answerFirstBoot(scratch.guest)
            try await step.perform(context)
            #expect(try pinned(context) == [Self.newKey])
            #expect(first != [Self.newKey])
            #expect(scratch.guest.closings == 1)
            #expect(scratch.backend.calls.contains("detachSeed"))
            let key = try #require(HostKey(openSSH: Self.newKey))
            #expect(try await context.journal.fact(FirstBootFact.self)?.hostKeyFingerprint == key.fingerprint)
            #expect(try await context.journal.fact(HostKeyFact.self)?.pinned == [key.fingerprint])
            let order = ["result.json", "if ! ssh-keygen", "expected=", "05-pgkvm.network"]
            #expect(scratch.guest.asked.compactMap { text in order.last { text.contains($0) } } == order)
            #expect(try await step.inspect(context).isSatisfied)
        }
    }

    @Test("A later boot changes nothing in the guest")
    func laterBoot() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine()
            answerFirstBoot(scratch.guest)
            try await step.perform(context)
            try await context.backend.powerOff(context.machine())
            await context.guest.close()
            let asked = scratch.guest.asked.count
            #expect(try await !step.inspect(context).isSatisfied)
            try await step.perform(context)
            #expect(scratch.guest.asked.count == asked)
        }
    }

    @Test("Cut off while the key changes, both keys are known, and the next run goes on")
    func cutOff() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine()
            let first = try pinned(context)
            answerFirstBoot(scratch.guest)
            scratch.guest.answer("expected=", .failure(Failure(.sshConnectionLost, "cut")), .success(ShellResult(status: 0)))
            await #expect(throws: Failure.self) { try await step.perform(context) }
            #expect(try pinned(context) == first + [Self.newKey])
            #expect(try await context.journal.fact(FirstBootFact.self) == nil)
            #expect(!scratch.backend.calls.contains("detachSeed"))
            try await step.perform(context)
            #expect(try pinned(context) == [Self.newKey])
        }
    }

    @Test("A server that comes up with another key than was agreed leaves both pinned")
    func anotherKey() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine()
            let first = try pinned(context)
            answerFirstBoot(scratch.guest)
            scratch.guest.connections(.success(()), .failure(Failure(.sshHostKeyMismatch, "another key")))
            let failure = await #expect(throws: Failure.self) { try await step.perform(context) }
            #expect(failure?.code == .sshHostKeyMismatch)
            #expect(try pinned(context) == first + [Self.newKey])
        }
    }

    @Test("What the guest calls its key must be one", arguments: ["", "no key", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ"])
    func noKey(line: String) async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine()
            let first = try pinned(context)
            answerFirstBoot(scratch.guest)
            scratch.guest.answer("if ! ssh-keygen", output: line + "\n")
            let failure = await #expect(throws: Failure.self) { try await step.perform(context) }
            #expect(failure?.code == .noPinnedKey)
            #expect(try pinned(context) == first)
        }
    }

    @Test("An image that carries the packages works while the key changes; another one waits")
    func headStart() async throws {
        for release in [DebianRelease.debian13, nil] {
            try await Scratch.with { scratch in
                let context = try await scratch.contextWithMachine(release: release)
                answerFirstBoot(scratch.guest)
                try await step.perform(context)
                #expect(scratch.guest.startedUnits == (release == nil ? [] : ["install", "data-disk", "cluster"]))
            }
        }
    }

    @Test("A guest that does not answer is pending; one with a foreign key is an error")
    func inspection() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine()
            answerFirstBoot(scratch.guest)
            try await step.perform(context)
            await context.guest.close()
            scratch.guest.connections(.failure(Failure(.socketRefused, "no listener")))
            #expect(try await !step.inspect(context).isSatisfied)
            scratch.guest.connections(.failure(Failure(.sshHostKeyMismatch, "another key")))
            await #expect(throws: Failure.self) { try await step.inspect(context) }
        }
    }

    @Test("Undone, the machine is off and the connection closed")
    func revert() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine()
            answerFirstBoot(scratch.guest)
            try await step.perform(context)
            try await step.revert(context)
            #expect(try await context.backend.powerState(of: context.machine()) == .off)
            #expect(scratch.guest.closings == 2)
        }
    }
}

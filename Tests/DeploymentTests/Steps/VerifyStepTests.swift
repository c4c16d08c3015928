import ApplianceModel
import Basics
import HostSystem
import TestSupport
import Testing
import Workflow

@testable import Deployment

@Suite("The step that verifies")
struct VerifyStepTests {
    private let step = VerifyStep()

    @Test("A guest that cannot be measured is not verified: the failed checks are named, and nothing is recorded")
    func fails() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine(release: .debian13)
            let failure = await #expect(throws: Failure.self) { try await step.perform(context) }
            #expect(failure?.code == .checksFailed)
            #expect(failure?.message.contains("postgresql.") == true)
            #expect(try await context.journal.fact(VerifiedFact.self) == nil)
            #expect(try await step.inspect(context) == .pending)
        }
    }

    @Test("The record of a verification says when and how much, and goes when the step is undone")
    func record() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.context()
            try await context.journal.record(VerifiedFact(time: "2026-01-01T00:00:00Z", checks: 48))
            #expect(try await step.inspect(context) == .satisfied("48 checks at 2026-01-01T00:00:00Z"))
            try await step.revert(context)
            #expect(try await step.inspect(context) == .pending)
        }
    }
}

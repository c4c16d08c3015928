import ApplianceModel
import Basics
import HostSystem
import SecureShell
import TestSupport
import Testing
import Workflow

@testable import Deployment

/// What happens before and around the server's own answers; those are tested with real servers (`Server`, and a booted guest).
@Suite("Configuring PostgreSQL")
struct ConfigurePostgreSQLStepTests {
    private let step = ConfigurePostgreSQLStep()

    private func configured(_ context: DeploymentContext, digest: String = "former") async throws {
        try await context.journal.record(ConfigurationFact(digest: digest, certificateEnd: 4_000_000_000, place: nil))
    }

    @Test("The cluster is made before its files are written, and a server that does not come up leaves no record of a configuration")
    func first() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine(release: .debian13)
            try await context.journal.record(VerifiedFact(time: "2026-01-01T00:00:00Z", checks: 1))
            scratch.guest.answer("pgkvm-change.log", status: 1, output: "could not bind")
            let failure = await #expect(throws: Failure.self) { try await step.perform(context) }
            #expect(failure?.code == .serverNotStarted)
            #expect(scratch.guest.startedUnits == ["cluster"])
            #expect(try await context.journal.fact(ConfigurationFact.self) == nil)
            #expect(try await context.journal.fact(ChangeFact.self) == nil)
            // From the first change on it no longer counts as verified.
            #expect(try await context.journal.fact(VerifiedFact.self) == nil)
            // Authority and passwords are kept: the files in the guest may have them already.
            let authority = try Files.readText(context.directory.caCertificate)
            let passwords = try Files.readText(context.directory.passwords)
            await #expect(throws: Failure.self) { try await step.perform(context) }
            #expect(try Files.readText(context.directory.caCertificate) == authority)
            #expect(try Files.readText(context.directory.passwords) == passwords)
        }
    }

    @Test("A cluster that cannot be made ends it before any file is written")
    func noCluster() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine(release: .debian13)
            scratch.guest.unit("cluster", .fails(log: "initdb: error: invalid locale name"))
            let failure = await #expect(throws: Failure.self) { try await step.perform(context) }
            #expect(failure?.code == .remoteUnitFailed)
            #expect(!scratch.guest.asked.contains { $0.contains("pgkvm-change.log") })
        }
    }

    @Test("It is pending without a configuration, without the authority's key, after another spec, and while a change waits to be settled")
    func inspection() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine(release: .debian13)
            #expect(try await step.inspect(context) == .pending)
            try await configured(context)
            #expect(try await step.inspect(context) == .pending)
            let plan = try await ServerPlan(context)
            try plan.authority.save(to: context.directory)
            #expect(try await step.inspect(context) == .pending)
            try await configured(context, digest: plan.digest)
            try await context.journal.record(ChangeFact(isApplied: true, isByRestart: false, reason: nil, former: nil, made: nil))
            #expect(try await step.inspect(context) == .pending)
            // Everything is as it was written, and no server answers.
            try await context.journal.forget(ChangeFact.self)
            _ = try await StoredPasswords.prepare(context, hosts: plan.content.hosts)
            #expect(try await step.inspect(context) == .pending)
        }
    }
}

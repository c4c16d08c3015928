import ApplianceModel
import Basics
import SecureShell
import TestSupport
import Testing
import Workflow

@testable import Deployment

@Suite("Installing PostgreSQL")
struct InstallPostgreSQLStepTests {
    private let step = InstallPostgreSQLStep()

    @Test("The packages are recorded once their unit has ended well")
    func performs() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine(release: .debian13)
            try await step.perform(context)
            #expect(scratch.guest.startedUnits == ["install"])
            #expect(try await context.journal.fact(PackagesFact.self)?.version == 17)
        }
    }

    @Test("A unit that fails records nothing, and its last words are the reason")
    func fails() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine(release: .debian13)
            scratch.guest.unit("install", .fails(log: "E: Unable to locate package postgresql-17"))
            let failure = await #expect(throws: Failure.self) { try await step.perform(context) }
            #expect(failure?.code == .remoteUnitFailed)
            #expect(failure.map { "\($0.cause.map { "\($0)" } ?? "")".contains("Unable to locate") } == true)
            #expect(try await context.journal.fact(PackagesFact.self) == nil)
            #expect(try await !step.inspect(context).isSatisfied)
            scratch.guest.unit("install", .succeeds)
            try await step.perform(context)
            #expect(scratch.guest.startedUnits == ["install", "install"])
        }
    }

    @Test("A unit that had a head start is not run again; one of an earlier run is")
    func headStart() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine(release: .debian13)
            try await context.giveHeadStart(InstallPostgreSQLStep.installation(context))
            try await step.perform(context)
            #expect(scratch.guest.startedUnits == ["install"])
            try await step.perform(context)
            #expect(scratch.guest.startedUnits == ["install", "install"])
        }
    }

    @Test("A connection that is lost meanwhile is made again, and the unit goes on")
    func lostConnection() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine(release: .debian13)
            let view = "LoadState=loaded\nActiveState=active\nSubState=running\n\n"
            scratch.guest.answer(
                "tail -n 40", .success(ShellResult(status: 0, standardOutput: Array(view.utf8))), .failure(Failure(.sshConnectionLost, "cut")),
                .success(ShellResult(status: 0, standardOutput: Array(view.replacing("running", with: "exited").utf8))))
            try await step.perform(context)
            #expect(scratch.guest.startedUnits.isEmpty)
            #expect(try await context.journal.fact(PackagesFact.self) != nil)
        }
    }

    @Test(
        "Only what dpkg calls installed counts",
        arguments: [
            ("installed 17.5-1", 0, true), ("unpacked 17.5-1", 0, false), ("installed", 0, false), ("installed 17.5-1 more", 0, false), ("", 1, false),
            ("installed 17.5-1", 1, false),
        ] as [(String, Int32, Bool)])
    func inspection(output: String, status: Int32, isSatisfied: Bool) async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine(release: .debian13)
            // Without the fact the guest is not even asked.
            #expect(try await !step.inspect(context).isSatisfied)
            try await context.journal.record(PackagesFact(version: 17))
            scratch.guest.answer("dpkg-query", status: status, output: output)
            #expect(try await step.inspect(context).isSatisfied == isSatisfied)
        }
    }

    @Test("The guest can begin without a network where its image carries the packages of the release")
    func packagesAtHand() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.context(release: .debian12)
            #expect(try await InstallPostgreSQLStep.needsNoNetwork(context))
            var spec = context.spec
            spec.postgresql.source = .pgdg
            #expect(try await !InstallPostgreSQLStep.needsNoNetwork(context.replacing(spec: spec)))
            spec.postgresql.source = .distribution
            spec.postgresql.version = 16
            #expect(try await !InstallPostgreSQLStep.needsNoNetwork(context.replacing(spec: spec)))
        }
    }
}

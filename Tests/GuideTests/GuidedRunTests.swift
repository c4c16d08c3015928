import ApplianceModel
import Basics
import Deployment
import HostSystem
import SpecFile
import SystemPackage
import TestSupport
import Testing

@testable import Guide

/// Steps that are run with questions, on a platform whose machines do not start.
@Suite("The guided run")
struct GuidedRunTests {
    private static let failure = Failure(.unsupported, "it will not start", remedy: "buy another")

    /// Through the stops with Enter, on the image that the scratch has.
    private static let stops = Script.host + Script.disk + Script.cpu + Script.network + [("Image", "tiny")] + Script.postgresql
    private static let begin: Script.Part = stops + [("Begin", ""), ("Store the spec file as", "")]
    /// One question for each step before the boot.
    private static let made = Script.Part(repeating: ("Run it", ""), count: 6)

    private func with(_ body: (GuideScratch) async throws -> Void) async throws {
        try await GuideScratch.with { scratch in
            try scratch.addImage()
            scratch.backend.fail("start", with: Self.failure)
            try await body(scratch)
        }
    }

    @Test("Each step asks before it runs; a failure says why, and Enter keeps what is there; the next guide carries on with what is left")
    func failure() async throws {
        try await with { scratch in
            let (end, terminal) = try await scratch.guide(Self.begin + Self.made + [("Run it", ""), ("Keep", "")])
            #expect(end.word == "failed")
            for part in [
                "Step 1 of 11: Check the host", "Step 7 of 11: Boot the guest", "it will not start", "try: buy another", "To carry on: pgkvm guide orders",
            ] {
                #expect(terminal.transcript.contains(part), "\(part)")
            }
            // What was typed ahead does not answer for a step.
            #expect(terminal.discards == 8)
            let calls = scratch.backend.calls.count { $0 == "create" }
            #expect(calls == 1)
            let (again, next) = try await scratch.guide([("Enter carries on", ""), ("Run it", ""), ("Keep", "")])
            #expect(again.word == "failed")
            #expect(next.transcript.contains("'orders' is begun and not complete: 6 of 11 steps are done."))
            #expect(scratch.backend.calls.count { $0 == "create" } == 1)
        }
    }

    @Test("r tries a failed step again, l and ! look, ? shows it by hand")
    func retry() async throws {
        try await with { scratch in
            let (_, terminal) = try await scratch.guide(
                Self.begin + [("Run it", "a"), ("Keep", "r"), ("Keep", "?"), ("Keep", "l"), ("Keep", "!"), ("Keep", "x"), ("Keep", "q")])
            #expect(scratch.backend.calls.count { $0 == "start" } == 2)
            #expect(terminal.transcript.contains("pgkvm start orders"))
            #expect(terminal.shells == ["orders"])
        }
    }

    @Test("u undoes what the run did, once that is said twice")
    func undo() async throws {
        try await with { scratch in
            let (end, terminal) = try await scratch.guide(Self.begin + [("Run it", "a"), ("Keep", "u"), ("Undo", "n"), ("Keep", "u"), ("Undo", "y")])
            #expect(end.word == "failed")
            #expect(terminal.transcript.contains("What this run did was undone."))
            #expect(!Files.exists(scratch.state.appliance(try scratch.name()).path))
            // The answers are there still.
            #expect(Files.exists(try scratch.directory().spec))
        }
    }

    @Test("A step that others need cannot be left out; q before a step keeps what was done")
    func leaveOut() async throws {
        try await with { scratch in
            let (end, terminal) = try await scratch.guide(Self.begin + [("Run it", "s"), ("Run it", "?"), ("Run it", ""), ("Run it", "q")])
            #expect(end.word == "stopped")
            #expect(terminal.transcript.contains("It cannot be left out"))
            #expect(terminal.transcript.contains("Stopped at 'prepare-image'. What was done stays."))
        }
    }

    @Test("b before a step goes back to the answers, and another answer begins anew while there is no machine")
    func back() async throws {
        try await with { scratch in
            let (end, _) = try await scratch.guide(
                Self.begin + [("Run it", ""), ("Run it", "b"), ("Begin", "b"), ("Profile", "oltp"), ("Packages from", "s")]
                    + [("Begin", ""), ("Store the spec file as [orders.yaml]", ""), ("'orders.yaml' is there already", "y"), ("Run it", "q")])
            #expect(end.word == "stopped")
            let stored = try SpecFile.parse(Files.read(scratch.work.appending("orders.yaml")), file: "orders.yaml")
            #expect(stored.postgresql.profile == .oltp)
            #expect(try SpecFile.parse(Files.read(scratch.state.appliance(scratch.name()).spec), file: "spec.yaml") == stored)
        }
    }

    @Test("Ctrl-C before a step keeps what was done", arguments: [ScriptedTerminal.Answer.interrupt, .end])
    func interrupted(answer: ScriptedTerminal.Answer) async throws {
        try await with { scratch in
            let (end, terminal) = try await scratch.guide(Self.begin + [("Run it", ""), ("Run it", answer)])
            if case .interrupt = answer { #expect(end.word == "interrupted") } else { #expect(end.word == "stopped") }
            #expect(terminal.transcript.contains("What was done stays"))
            #expect(terminal.transcript.contains("To carry on: pgkvm guide orders"))
        }
    }

    @Test("What cannot change of a machine that is there is refused at the answer")
    func changed() async throws {
        try await with { scratch in
            try await scratch.guide(Self.begin + [("Run it", "a"), ("Keep", "")])
            let (_, terminal) = try await scratch.guide(
                [("Enter carries on", "c"), ("Begin", "b"), ("Profile", "oltp"), ("Packages from", "pgdg"), ("Packages from", "q")])
            #expect(terminal.transcript.contains("Not possible here: postgresql.source: distribution"))
            #expect(terminal.transcript.contains("A change of what is there: postgresql.profile: mixed"))
        }
    }
}

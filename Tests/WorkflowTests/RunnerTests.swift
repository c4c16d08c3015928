import Basics
import Synchronization
import Testing
import Workflow

@Suite("Runner")
struct RunnerTests {
    let names = ["a", "b", "c"]

    @Test(
        "Steps are gated, inspected and performed one after the other, in the order of the list",
        arguments: [
            ["a", "b", "c"], ["a", "c", "b"], ["b", "a", "c"], ["b", "c", "a"], ["c", "a", "b"], ["c", "b", "a"],
        ])
    func order(names: [String]) async throws {
        let world = World()
        let outcome = try await run(names, world, gate: RecordingGate(world: world))
        #expect(world.log == names.flatMap { ["gate \($0)", "inspect \($0)", "perform \($0)"] })
        #expect(outcome.text == "completed")
        #expect(outcome.performed.map(\.rawValue) == names)
        #expect(outcome.changed)
        #expect(!outcome.reverted)
    }

    @Test("A run over finished work changes nothing, not even the journal")
    func allSatisfied() async throws {
        let (world, storage, sink) = (World(), MemoryStorage(), RecordingSink())
        _ = try await run(names, world, gate: RecordingGate(world: world), storage: storage)
        let written = storage.bytes
        let outcome = try await run(names, world, gate: RecordingGate(world: world), storage: storage, sink: sink)
        #expect(outcome.text == "completed")
        #expect(!outcome.changed)
        #expect(outcome.performed.isEmpty)
        #expect(storage.bytes == written)
        #expect(
            sink.lines == [
                "run started a b c", "a satisfied: a is done", "b satisfied: b is done", "c satisfied: c is done", "run completed",
            ])
    }

    @Test("A step that the journal calls finished is inspected all the same, and done again when it is undone")
    func inspectIsTheTruth() async throws {
        let (world, storage) = (World(), MemoryStorage())
        _ = try await run(names, world, gate: RecordingGate(world: world), storage: storage)
        world.undo("b")
        let outcome = try await run(names, world, gate: RecordingGate(world: world), storage: storage)
        #expect(outcome.performed.map(\.rawValue) == ["b"])
    }

    @Test("A list without steps completes")
    func empty() async throws {
        let world = World()
        let outcome = try await run([], world, gate: RecordingGate(world: world))
        #expect(outcome.text == "completed")
        #expect(!outcome.changed)
    }

    @Test("Two steps of one name end the run before anything is done")
    func duplicate() async throws {
        let (world, storage) = (World(), MemoryStorage())
        let outcome = try await run(["a", "b", "a"], world, gate: RecordingGate(world: world), storage: storage)
        #expect(outcome.text == "failed at a")
        #expect((outcome.error as? Failure)?.code == .duplicateStep)
        #expect(world.log.isEmpty)
        #expect(storage.bytes.isEmpty)
    }

    @Test("The gate can leave a step out")
    func skip() async throws {
        let world = World()
        let outcome = try await run(names, world, gate: RecordingGate(world: world, decisions: ["b": .skip]))
        #expect(world.log == ["gate a", "inspect a", "perform a", "gate b", "gate c", "inspect c", "perform c"])
        #expect(outcome.skipped.map(\.rawValue) == ["b"])
        #expect(outcome.performed.map(\.rawValue) == ["a", "c"])
        #expect(outcome.durations.map(\.step.rawValue) == ["a", "c"])
    }

    @Test("The gate can stop before a step")
    func stop() async throws {
        let world = World()
        let outcome = try await run(names, world, gate: RecordingGate(world: world, decisions: ["b": .stop]))
        #expect(world.log == ["gate a", "inspect a", "perform a", "gate b"])
        #expect(outcome.text == "cancelled at b")
        #expect(world.done == ["a"])
    }

    @Test("The gate sees a step's place and explanation")
    func summary() throws {
        let world = World()
        let runner = Runner(
            steps: names.map { RecordingStep($0) }, journal: try Journal(storage: MemoryStorage()), gate: RecordingGate(world: world),
            sink: RecordingSink())
        let summary = try #require(runner.summaries(world).dropFirst().first)
        let explanation = StepExplanation(what: "does b", why: "because of b", byHand: ["do b"])
        #expect(summary == StepSummary(id: StepID(rawValue: "b"), title: "Do b", position: 2, count: 3, explanation: explanation))
    }

    @Test(
        "The unattended gate runs everything and answers by its policy",
        arguments: [
            (OnError.keep, FailureDecision.keep, false), (.revert, .revert, true), (.ask, .keep, false),
        ])
    func unattended(onError: OnError, decision: FailureDecision, reverts: Bool) {
        let gate = UnattendedGate(onError: onError)
        let step = StepSummary(id: StepID(rawValue: "a"), title: "A", position: 1, count: 1, explanation: .init(what: "", why: ""))
        #expect(gate.shouldRun(step) == .run)
        #expect(gate.afterFailure(step, error: DiskFull()) == decision)
        #expect(gate.revertsWhenCancelled == reverts)
    }

    @Test("Every event of a failing and reverted run comes in order, reports of a step and its child tasks included")
    func events() async throws {
        let sink = RecordingSink()
        let clock = ManualClock()
        let storage = MemoryStorage()
        let steps: [TalkingStep] = [
            TalkingStep(name: "found", isFound: true, clock: clock), TalkingStep(name: "made", clock: clock),
            TalkingStep(name: "broken", fails: true, clock: clock),
        ]
        let outcome = await Runner(
            steps: steps, journal: try Journal(storage: storage), gate: UnattendedGate(onError: .revert), sink: sink, clock: clock
        ).run(())
        #expect(
            sink.lines == [
                "run started found made broken",
                "found says looking", "found satisfied: there",
                "made says looking", "2/3 made started", "made says working", "made finished after 3.0 seconds",
                "broken says looking", "3/3 broken started", "broken says working", "broken failed: DiskFull()",
                "broken reverting", "broken says undoing", "broken reverted", "made reverting", "made says undoing", "made reverted",
                "run failed at broken",
            ])
        #expect(outcome.durations.map { "\($0.step) \($0.duration)" } == ["found 1.0 seconds", "made 3.0 seconds", "broken 3.0 seconds"])
        let entries = try JournalContents(storage.bytes).entries
        #expect(entries.compactMap(\.duration) == [.seconds(3)])
        #expect(entries.compactMap(\.message) == ["DiskFull()"])
        #expect(
            entries.map { "\($0.kind.rawValue) \($0.step?.rawValue ?? $0.result ?? "")" } == [
                "runStarted ", "stepStarted made", "stepFinished made", "stepStarted broken", "stepFailed broken", "stepReverted broken",
                "stepReverted made", "runFinished failed",
            ])
    }

    @Test("A report outside a run goes nowhere")
    func reportOutside() {
        StepProgress.report("nobody listens")
    }
}

/// Reports what it does, takes one second to look and two to work.
private struct TalkingStep: Step {
    let name: String
    var isFound = false
    var fails = false
    let clock: ManualClock
    var id: StepID { StepID(rawValue: name) }
    var title: String { name }

    func explanation(_ context: Void) -> StepExplanation { StepExplanation(what: name, why: name) }

    func inspect(_ context: Void) -> StepStatus {
        StepProgress.report("looking")
        clock.advance(by: .seconds(1))
        return isFound ? .satisfied("there") : .pending
    }

    func perform(_ context: Void) async throws {
        await withTaskGroup { $0.addTask { StepProgress.report("working") } }
        clock.advance(by: .seconds(2))
        if fails { throw DiskFull() }
    }

    func revert(_ context: Void) {
        StepProgress.report("undoing")
        clock.advance(by: .seconds(5))
    }
}

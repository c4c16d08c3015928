import Testing
import Workflow

/// A fault at one point of a run over the steps a, b and c, under one policy.
struct FaultCase: CustomTestStringConvertible, Sendable {
    enum Policy: String, CaseIterable { case keep, revert, retry }

    static let names = ["a", "b", "c"]
    let phase: World.Phase
    let index: Int
    let policy: Policy

    var step: String { Self.names[index] }
    var point: World.Point { World.Point(phase: phase, step: step) }
    var testDescription: String { "\(phase) \(step), \(policy)" }

    static func all(_ policies: [Policy]) -> [FaultCase] {
        [World.Phase.gate, .inspect, .perform].flatMap { phase in
            names.indices.flatMap { index in policies.map { FaultCase(phase: phase, index: index, policy: $0) } }
        }
    }

    func gate(_ world: World) -> RecordingGate {
        let decision: FailureDecision =
            switch policy {
            case .keep: .keep
            case .revert: .revert
            case .retry: .retry
            }
        return RecordingGate(world: world, afterFailure: decision, revertsWhenCancelled: policy == .revert)
    }

    static let phases: [World.Phase] = [.gate, .inspect, .perform]

    /// What is written down up to the fault.
    var logToFault: [String] {
        Self.names[..<index].flatMap { name in Self.phases.map { "\($0) \(name)" } }
            + Self.phases.prefix { $0 != phase }.map { "\($0) \(step)" } + ["\(phase) \(step)"]
    }

    /// The steps whose perform began before the fault or with it.
    var begun: [String] { Array(Self.names[..<index]) + (phase == .perform ? [step] : []) }
}

@Suite("Runner: failures")
struct RunnerFailureTests {
    @Test("A failing step ends the run; evidence is saved first, then the policy decides", arguments: FaultCase.all([.keep, .revert]))
    func failure(fault: FaultCase) async throws {
        let world = World(faults: [fault.point: .fail])
        let outcome = try await run(FaultCase.names, world, gate: fault.gate(world))
        let reverts = fault.policy == .revert ? fault.begun.reversed().map { "revert \($0)" } : []
        #expect(world.log == fault.logToFault + ["evidence \(fault.step)", "ask \(fault.step)"] + reverts)
        #expect(outcome.text == "failed at \(fault.step)")
        #expect(outcome.error as? Fail == Fail(point: fault.point))
        #expect(outcome.reverted == (fault.policy == .revert))
        #expect(outcome.changed == !fault.begun.isEmpty)
        #expect(world.done == (fault.policy == .revert ? [] : Set(FaultCase.names[..<fault.index])))
    }

    @Test("A step that is retried is inspected again, its gate is not asked again, and the run goes on", arguments: FaultCase.all([.retry]))
    func retry(fault: FaultCase) async throws {
        let world = World(faults: [fault.point: .failOnce])
        let outcome = try await run(FaultCase.names, world, gate: fault.gate(world))
        let rest = FaultCase.names[(fault.index + 1)...].flatMap { name in FaultCase.phases.map { "\($0) \(name)" } }
        #expect(
            world.log == fault.logToFault + ["evidence \(fault.step)", "ask \(fault.step)", "inspect \(fault.step)", "perform \(fault.step)"] + rest)
        #expect(outcome.text == "completed")
        #expect(outcome.performed.map(\.rawValue) == FaultCase.names)
        #expect(outcome.durations.map(\.step.rawValue) == FaultCase.names)
    }

    @Test("What a run found is never reverted, whatever fails", arguments: subsets(of: FaultCase.names))
    func foundStays(found: Set<String>) async throws {
        for failing in FaultCase.names where !found.contains(failing) {
            let world = World(found: found, faults: [.init(phase: .perform, step: failing): .fail])
            let outcome = try await run(FaultCase.names, world, gate: RecordingGate(world: world, afterFailure: .revert))
            let begun = FaultCase.names.prefix { $0 != failing }.filter { !found.contains($0) } + [failing]
            #expect(world.log.filter { $0.hasPrefix("revert") } == begun.reversed().map { "revert \($0)" })
            #expect(world.done == found)
            #expect(outcome.reverted)
        }
    }

    @Test("A step that failed, was retried and reverted later is reverted once")
    func retriedThenReverted() async throws {
        let world = World(faults: [.init(phase: .perform, step: "a"): .failOnce, .init(phase: .perform, step: "b"): .fail])
        struct RetryThenRevert: Gate {
            func shouldRun(_ step: StepSummary) -> GateDecision { .run }
            func afterFailure(_ step: StepSummary, error: any Error) -> FailureDecision { step.id.rawValue == "a" ? .retry : .revert }
        }
        let outcome = try await run(FaultCase.names, world, gate: RetryThenRevert())
        #expect(world.log.filter { $0.hasPrefix("revert") } == ["revert b", "revert a"])
        #expect(outcome.text == "failed at b")
    }

    @Test("A revert that fails is reported, and the remaining ones run", arguments: subsets(of: FaultCase.names).filter { !$0.isEmpty })
    func revertFails(failing: Set<String>) async throws {
        var faults: [World.Point: World.Fault] = [.init(phase: .perform, step: "c"): .fail]
        for name in failing { faults[.init(phase: .revert, step: name)] = .fail }
        let (world, sink, storage) = (World(faults: faults), RecordingSink(), MemoryStorage())
        let outcome = try await run(
            FaultCase.names, world, gate: RecordingGate(world: world, afterFailure: .revert), storage: storage, sink: sink)
        #expect(world.log.suffix(3) == ["revert c", "revert b", "revert a"])
        #expect(!outcome.reverted)
        let newestFirst = ["c", "b", "a"].filter(failing.contains)
        #expect(outcome.revertFailures.map(\.step.rawValue) == newestFirst)
        #expect(sink.lines.filter { $0.hasSuffix("revert failed") } == newestFirst.map { "\($0) revert failed" })
        #expect(outcome.text == "failed at c")
        let entries = try JournalContents(storage.bytes).entries
        #expect(entries.filter { $0.kind == .stepRevertFailed }.compactMap(\.step?.rawValue) == newestFirst)
    }

    // MARK: Cancellation

    @Test(
        "A run cancelled at any point ends there, and its policy decides whether anything is undone",
        arguments: FaultCase.all([.keep, .revert]), [World.Fault.cancel, .cancelUnnoticed])
    func cancellation(fault: FaultCase, kind: World.Fault) async throws {
        let world = World(faults: [fault.point: kind])
        let (storage, sink) = (MemoryStorage(), RecordingSink())
        let outcome = try await cancellable { try await run(FaultCase.names, world, gate: fault.gate(world), storage: storage, sink: sink) }
        let isReverted = fault.policy == .revert && !fault.begun.isEmpty
        let end = isReverted ? ["evidence \(fault.step)"] + fault.begun.reversed().map { "revert \($0)" } : []
        #expect(world.log == fault.logToFault + end)
        #expect(outcome.text == "cancelled at \(fault.step)")
        #expect(outcome.reverted == (fault.policy == .revert))
        #expect(sink.lines.filter { $0.hasSuffix(" cancelled") } == ["\(fault.step) cancelled"])
        if fault.policy == .revert { #expect(world.done.isEmpty) }
        let entries = try JournalContents(storage.bytes).entries
        #expect(entries.last?.result == (fault.begun.isEmpty ? nil : "cancelled"))
        let isInterrupted = fault.phase == .perform && kind == .cancel
        #expect(entries.filter { $0.kind == .stepFailed }.map(\.message) == (isInterrupted ? ["cancelled"] : []))
    }

    @Test("A run whose task is cancelled before it begins does nothing")
    func cancelledBefore() async throws {
        let (world, storage) = (World(), MemoryStorage())
        let outcome = try await cancellable {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await run(FaultCase.names, world, gate: RecordingGate(world: world), storage: storage)
        }
        #expect(outcome.text == "cancelled at a")
        #expect(world.log.isEmpty)
        #expect(storage.bytes.isEmpty)
    }

    @Test("Cancelling while the gate asks what to do ends as cancelled", arguments: [FaultCase.Policy.keep, .revert, .retry])
    func cancelledWhileAsked(policy: FaultCase.Policy) async throws {
        let fault = FaultCase(phase: .perform, index: 1, policy: policy)
        let world = World(faults: [fault.point: .fail, .init(phase: .ask, step: "b"): .cancelUnnoticed])
        let outcome = try await cancellable { try await run(FaultCase.names, world, gate: fault.gate(world)) }
        let reverts = policy == .revert ? ["revert b", "revert a"] : []
        #expect(world.log == fault.logToFault + ["evidence b", "ask b"] + reverts)
        #expect(outcome.text == "cancelled at b")
    }

    @Test("An error of another kind counts as cancellation when the task is cancelled, and a CancellationError without it as failure")
    func whatCountsAsCancellation() async throws {
        let world = World(faults: [.init(phase: .perform, step: "a"): .throwCancellation])
        let failed = try await run(["a"], world, gate: RecordingGate(world: world))
        #expect(failed.text == "failed at a")
        #expect(failed.error is CancellationError)

        let outcome = try await cancellable {
            await Runner(
                steps: [CancelledConnectionStep()], journal: try Journal(storage: MemoryStorage()), gate: UnattendedGate(onError: .keep),
                sink: RecordingSink()
            ).run(())
        }
        #expect(outcome.text == "cancelled at connect")
    }

    /// Runs the body in a task of its own, so that cancelling it leaves the test alone.
    private func cancellable(_ body: @escaping @Sendable () async throws -> RunOutcome) async throws -> RunOutcome {
        try await Task { try await body() }.value
    }
}

/// Throws as a library does whose socket was shut down by a cancellation.
private struct CancelledConnectionStep: Step {
    let id = StepID(rawValue: "connect")
    let title = "Connect"
    func explanation(_ context: Void) -> StepExplanation { StepExplanation(what: "", why: "") }
    func inspect(_ context: Void) -> StepStatus { .pending }
    func perform(_ context: Void) throws {
        withUnsafeCurrentTask { $0?.cancel() }
        throw DiskFull()
    }
    func revert(_ context: Void) {}
}

func subsets(of names: [String]) -> [Set<String>] {
    names.reduce([[]]) { sets, name in sets + sets.map { $0.union([name]) } }
}

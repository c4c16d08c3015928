import Synchronization
import Testing
import Workflow

private struct Address: Fact, Equatable {
    static let key = "address"
    var host: String
    var port: Int
}

/// Chooses an address, records it, and then may be killed or fail.
private struct ChooseStep: Step {
    let id = StepID(rawValue: "choose")
    let title = "Choose"
    let journal: Journal
    func explanation(_ world: World) -> StepExplanation { StepExplanation(what: "", why: "") }
    func inspect(_ world: World) async throws -> StepStatus {
        try await journal.fact(Address.self).map { .satisfied("\($0.host):\($0.port)") } ?? .pending
    }
    func perform(_ world: World) async throws {
        try await journal.record(Address(host: "guest", port: 5432))
        try world.reach(.perform, "choose")
    }
    func revert(_ world: World) async throws { try await journal.forget(Address.self) }
}

@Suite("Runner: resume")
struct ResumeTests {
    let names = ["a", "b", "c"]

    /// What a crash leaves: the journal's bytes and the steps that are done.
    private struct Remains: Sendable {
        let bytes: [UInt8]
        let done: Set<String>
    }

    @Test("After a kill before, within or after any write the same run goes on and repeats nothing that is done")
    func killedAnywhere() async throws {
        let world = World()
        let crashes = Mutex<[Remains]>([])
        let storage = MemoryStorage { before, line in
            let done = world.done
            let torn = [[], Array(line.prefix(1)), Array(line.prefix(line.count / 2)), line.dropLast(), line].map { Remains(bytes: before + $0, done: done) }
            crashes.withLock { $0 += torn }
        }
        _ = try await run(names, world, gate: RecordingGate(world: world), storage: storage)
        let all = crashes.withLock { $0 }
        #expect(all.count == 8 * 5)
        for remains in all {
            let (world, storage) = (World(found: remains.done), MemoryStorage(remains.bytes))
            let outcome = try await run(names, world, gate: RecordingGate(world: world), storage: storage)
            #expect(outcome.text == "completed")
            #expect(outcome.performed.map(\.rawValue) == names.filter { !remains.done.contains($0) })
            #expect(world.done == Set(names))
            let again = try JournalContents(storage.bytes)
            #expect(again.warnings.isEmpty)
            #expect(again.entries.map(\.sequence) == Array(1..<again.entries.count + 1))
        }
    }

    @Test("A run that is killed in the middle of every step in turn ends where an undisturbed one does")
    func killedInEveryStep() async throws {
        let world = World()
        var bytes: [UInt8] = []
        for name in names {
            // The journal as it stands in the middle of `perform` is all that the next process sees.
            let storage = MemoryStorage(bytes)
            let atKill = Copy()
            let onKill: @Sendable () -> Void = { atKill.take(storage.bytes) }
            let steps: [KilledStep] = names.map { KilledStep(inner: RecordingStep($0), onKill: $0 == name ? onKill : nil) }
            let runner = Runner(steps: steps, journal: try Journal(storage: storage), gate: UnattendedGate(onError: .keep), sink: RecordingSink())
            _ = await runner.run(world)
            bytes = atKill.bytes
        }
        let storage = MemoryStorage(bytes)
        let outcome = try await run(names, world, gate: UnattendedGate(onError: .keep), storage: storage)
        #expect(outcome.performed.map(\.rawValue) == ["c"])
        #expect(world.done == Set(names))
        for name in names { #expect(world.log.filter { $0 == "perform \(name)" }.count == 1) }
        // Three runs were killed and wrote no end.
        let kinds = try JournalContents(storage.bytes).entries.map(\.kind)
        #expect(kinds.filter { $0 == .runStarted }.count == 4)
        #expect(kinds.filter { $0 == .runFinished }.count == 1)
    }

    @Test("A fact recorded before a failure is there for the next run")
    func factSurvives() async throws {
        let storage = MemoryStorage()
        let world = World(faults: [.init(phase: .perform, step: "choose"): .failOnce])
        for (text, expected) in [("failed at choose", ["choose"]), ("completed", [])] {
            let journal = try Journal(storage: storage)
            let outcome = await Runner(
                steps: [ChooseStep(journal: journal)], journal: journal, gate: UnattendedGate(onError: .keep), sink: RecordingSink()
            ).run(world)
            #expect(outcome.text == text)
            #expect(outcome.changed == !expected.isEmpty)
        }
        #expect(try JournalContents(storage.bytes).fact(Address.self) == Address(host: "guest", port: 5432))
    }

    @Test("A reverted step takes its fact back, durably")
    func revertForgets() async throws {
        let storage = MemoryStorage()
        let world = World(faults: [.init(phase: .perform, step: "choose"): .fail])
        let journal = try Journal(storage: storage)
        let outcome = await Runner(
            steps: [ChooseStep(journal: journal)], journal: journal, gate: UnattendedGate(onError: .revert), sink: RecordingSink()
        ).run(world)
        #expect(outcome.reverted)
        #expect(try JournalContents(storage.bytes).fact(Address.self) == nil)
    }

    @Test("The repair of a torn journal is told to whoever watches the run")
    func tornWarning() async throws {
        let (world, sink) = (World(), RecordingSink())
        _ = try await run(names, world, gate: RecordingGate(world: world), storage: MemoryStorage(Array("{\"form".utf8)), sink: sink)
        #expect(sink.warnings.count == 1)
    }

    // MARK: Full disk

    @Test("A journal that cannot be written fails the step, and no further step is performed", arguments: 0...6)
    func diskFull(appends: Int) async throws {
        let (world, sink) = (World(), RecordingSink())
        let storage = MemoryStorage(appendsLeft: appends)
        let outcome = try await run(names, world, gate: RecordingGate(world: world), storage: storage, sink: sink)
        #expect(outcome.error is DiskFull)
        // runStarted, then stepStarted and stepFinished of each step.
        #expect(world.log.filter { $0.hasPrefix("perform") }.count == appends / 2)
        #expect(outcome.performed.count == max(0, appends - 1) / 2)
        #expect(!sink.warnings.isEmpty)

        storage.free()
        let resumed = try await run(names, world, gate: RecordingGate(world: world), storage: storage)
        #expect(resumed.text == "completed")
        for name in names { #expect(world.log.filter { $0 == "perform \(name)" }.count == 1) }
    }

    @Test("A full disk at the very end does not turn a finished run into a failed one")
    func diskFullAtEnd() async throws {
        let (world, sink) = (World(), RecordingSink())
        let outcome = try await run(names, world, gate: RecordingGate(world: world), storage: MemoryStorage(appendsLeft: 7), sink: sink)
        #expect(outcome.text == "completed")
        #expect(sink.warnings.count == 1)
    }

    @Test("Reverting goes on although the journal cannot be written")
    func revertOnFullDisk() async throws {
        let world = World()
        let outcome = try await run(
            names, world, gate: RecordingGate(world: world, afterFailure: .revert), storage: MemoryStorage(appendsLeft: 4))
        #expect(outcome.text == "failed at b")
        #expect(world.done.isEmpty)
        #expect(outcome.reverted)
    }
}

private final class Copy: Sendable {
    private let taken = Mutex<[UInt8]>([])
    var bytes: [UInt8] { taken.withLock { $0 } }
    func take(_ bytes: [UInt8]) { taken.withLock { $0 = bytes } }
}

/// Ends its run as a kill would, once it has said so.
private struct KilledStep: Step {
    let inner: RecordingStep
    let onKill: (@Sendable () -> Void)?
    var id: StepID { inner.id }
    var title: String { inner.title }

    func explanation(_ world: World) -> StepExplanation { inner.explanation(world) }
    func inspect(_ world: World) throws -> StepStatus { try inner.inspect(world) }
    func perform(_ world: World) throws {
        guard let onKill else { return try inner.perform(world) }
        onKill()
        throw DiskFull()
    }
    func revert(_ world: World) throws { try inner.revert(world) }
}

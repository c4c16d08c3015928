import Synchronization
import Workflow

/// What recording steps act on and write down; it outlives a run, as the real world does.
final class World: Sendable {
    enum Phase: String, CaseIterable { case gate, inspect, perform, revert, ask, evidence }

    struct Point: Hashable {
        let phase: Phase
        let step: String
    }

    enum Fault {
        case fail
        case failOnce
        /// The task is cancelled and the point throws on that account.
        case cancel
        /// The task is cancelled and the point does not notice.
        case cancelUnnoticed
        /// A `CancellationError` in a task that is not cancelled.
        case throwCancellation
    }

    private struct State {
        var log: [String] = []
        var done: Set<String>
        var faults: [Point: Fault]
    }
    private let state: Mutex<State>

    init(found: Set<String> = [], faults: [Point: Fault] = [:]) { state = Mutex(State(done: found, faults: faults)) }

    /// What happened, in order, as `phase step`.
    var log: [String] { state.withLock { $0.log } }
    var done: Set<String> { state.withLock { $0.done } }

    func isDone(_ step: String) -> Bool { done.contains(step) }
    func finish(_ step: String) { state.withLock { _ = $0.done.insert(step) } }
    func undo(_ step: String) { state.withLock { _ = $0.done.remove(step) } }

    /// Writes a point down and lets its fault happen.
    func reach(_ phase: Phase, _ step: String) throws {
        // Evidence and reverting are to go on undisturbed, so their being cancelled shows in the log.
        let isDisturbed = Task.isCancelled && (phase == .revert || phase == .evidence)
        let point = Point(phase: phase, step: step)
        let fault: Fault? = state.withLock { state in
            state.log.append("\(phase) \(step)\(isDisturbed ? " cancelled" : "")")
            if case .failOnce = state.faults[point] {
                state.faults[point] = nil
                return .failOnce
            }
            return state.faults[point]
        }
        switch fault {
        case nil: break
        case .fail, .failOnce: throw Fail(point: point)
        case .throwCancellation: throw CancellationError()
        case .cancel:
            withUnsafeCurrentTask { $0?.cancel() }
            try Task.checkCancellation()
        case .cancelUnnoticed: withUnsafeCurrentTask { $0?.cancel() }
        }
    }
}

/// What a step of the tests throws; it knows where it was thrown.
struct Fail: Error, Equatable { let point: World.Point }

struct RecordingStep: Step {
    let name: String
    var id: StepID { StepID(rawValue: name) }
    var title: String { "Do \(name)" }

    init(_ name: String) { self.name = name }

    func explanation(_ world: World) -> StepExplanation {
        StepExplanation(what: "does \(name)", why: "because of \(name)", byHand: ["do \(name)"])
    }

    func inspect(_ world: World) throws -> StepStatus {
        try world.reach(.inspect, name)
        return world.isDone(name) ? .satisfied("\(name) is done") : .pending
    }

    func perform(_ world: World) throws {
        try world.reach(.perform, name)
        world.finish(name)
    }

    func revert(_ world: World) throws {
        try world.reach(.revert, name)
        world.undo(name)
    }
}

/// A gate that writes down what it is asked and always answers the same.
struct RecordingGate: Gate {
    let world: World
    var decisions: [String: GateDecision] = [:]
    var afterFailure = FailureDecision.keep
    var revertsWhenCancelled = false

    func shouldRun(_ step: StepSummary) throws -> GateDecision {
        try world.reach(.gate, step.id.rawValue)
        return decisions[step.id.rawValue] ?? .run
    }

    func afterFailure(_ step: StepSummary, error: any Error) -> FailureDecision {
        try? world.reach(.ask, step.id.rawValue)
        return afterFailure
    }
}

final class RecordingSink: EventSink {
    private let received = Mutex<[WorkflowEvent]>([])
    var events: [WorkflowEvent] { received.withLock { $0 } }
    func receive(_ event: WorkflowEvent) { received.withLock { $0.append(event) } }

    var warnings: [String] {
        events.compactMap {
            guard case .warning(let text) = $0 else { return nil }
            return text
        }
    }

    /// The events as short lines.
    var lines: [String] {
        events.map {
            switch $0 {
            case .runStarted(let steps): "run started \(steps.map(\.id.rawValue).joined(separator: " "))"
            case .stepStarted(let step): "\(step.position)/\(step.count) \(step.id) started"
            case .stepSatisfied(let step, let reason): "\(step.id) satisfied: \(reason)"
            case .stepSkipped(let step): "\(step.id) skipped"
            case .stepProgress(let step, let message): "\(step) says \(message.text)"
            case .stepFinished(let step, let duration): "\(step.id) finished after \(duration)"
            case .stepFailed(let step, let error): "\(step.id) failed: \(error)"
            case .stepCancelled(let step): "\(step.id) cancelled"
            case .stepReverting(let step): "\(step.id) reverting"
            case .stepReverted(let step): "\(step.id) reverted"
            case .stepRevertFailed(let step, _): "\(step.id) revert failed"
            case .warning(let text): "warning: \(text)"
            case .runFinished(let outcome): "run \(outcome.text)"
            }
        }
    }
}

extension RunOutcome {
    /// The result in a form that can be compared.
    var text: String {
        switch result {
        case .completed: "completed"
        case .failed(let step, _): "failed at \(step)"
        case .cancelled(let step): "cancelled at \(step)"
        }
    }

    var error: (any Error)? {
        guard case .failed(_, let error) = result else { return nil }
        return error
    }
}

/// Runs the steps `names` over `world` with everything recorded.
func run(
    _ names: [String], _ world: World, gate: any Gate, storage: MemoryStorage = MemoryStorage(), sink: RecordingSink = RecordingSink()
) async throws -> RunOutcome {
    let runner = Runner(
        steps: names.map { RecordingStep($0) }, journal: try Journal(storage: storage), gate: gate, sink: sink,
        evidence: { world, step, _ in try? world.reach(.evidence, step.rawValue) }, clock: ManualClock())
    return await runner.run(world)
}

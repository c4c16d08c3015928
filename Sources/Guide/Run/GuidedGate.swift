internal import ApplianceModel
internal import Deployment
internal import Synchronization
internal import Workflow

/// Asks before each step that has something to do, and after each failure.
final class GuidedGate: Gate {
    private struct State {
        /// Whether to run the remaining steps without asking.
        var runsAll = false
        var wantsBack = false
    }
    private let state = Mutex(State())
    private let conversation: Conversation
    private let surroundings: Surroundings
    private let name: ApplianceName
    /// Steps that are already done. The runner reports them itself.
    private let done: Set<String>

    init(_ conversation: Conversation, _ surroundings: Surroundings, _ plan: DeploymentPlan, _ name: ApplianceName) {
        self.conversation = conversation
        self.surroundings = surroundings
        self.name = name
        done = Set(plan.steps.filter { $0.status == .done }.map(\.id))
    }

    /// Whether the user wants to change an answer before the run continues.
    var wantsBack: Bool { state.withLock { $0.wantsBack } }

    /// Only a step that no other step depends on may be skipped.
    private static func maySkip(_ step: StepSummary) -> Bool { step.position == step.count }

    func shouldRun(_ step: StepSummary) async throws -> GateDecision {
        guard !done.contains(step.id.rawValue), !state.withLock({ $0.runsAll }) else { return .run }
        conversation.terminal.discardTypeahead()
        conversation.say(
            [
                .gap, .heading("Step \(step.position) of \(step.count): \(step.title)"), .paragraph("What", step.explanation.what),
                .paragraph("Why", step.explanation.why),
            ])
        conversation.say(
            "Enter runs it. a: run this and all the others without a question. ?: by hand. \(Self.maySkip(step) ? "s: leave it out. " : "")"
                + "b: back to the review, l: logs, !: shell in the guest, q: stop and keep.")
        while true {
            switch try await conversation.ask("Run it [Enter] > ") {
            case .enter: return .run
            case .text(let text) where text.lowercased() == "a":
                state.withLock { $0.runsAll = true }
                return .run
            case .text: conversation.say("Enter, a, \(Self.maySkip(step) ? "s, " : "")?, b, l, ! or q.")
            case .key(.skip):
                if Self.maySkip(step) { return .skip }
                conversation.say("It cannot be left out: the steps after it need what it makes.")
            case .key(.back):
                state.withLock { $0.wantsBack = true }
                return .stop
            case .key(.stop): return .stop
            case .key(let key): try await press(key, step)
            }
        }
    }

    func afterFailure(_ step: StepSummary, error: any Error) async -> FailureDecision {
        conversation.terminal.discardTypeahead()
        state.withLock { $0.runsAll = false }
        conversation.say([.gap, .heading("Step \(step.position) of \(step.count) failed: \(step.title)")])
        conversation.explain(error)
        conversation.say(
            "Enter keeps what is there and stops: the next guide goes on from here. r: try again. u: undo what this run did. ?: by hand, l: logs, !: shell in the guest."
        )
        // If the user can no longer be asked, the current state is kept.
        while let reply = try? await conversation.ask("Keep [Enter], r or u > ") {
            switch reply {
            case .enter, .key(.stop), .key(.back): return .keep
            case .key(.again): return .retry
            case .text(let text) where text.lowercased() == "u":
                guard (try? await conversation.agrees("Undo what this run did? What it made is removed.")) == true else { continue }
                return .revert
            case .text, .key(.skip): conversation.say("Enter, r, u, ?, l or !.")
            case .key(let key):
                do { try await press(key, step) } catch { return .keep }
            }
        }
        return .keep
    }

    private func press(_ key: GuideKey, _ step: StepSummary) async throws {
        switch key {
        case .more: try await conversation.page([.heading("By hand"), .commands(step.explanation.byHand.flatMap(ShellLines.fitted))])
        case .log: try await conversation.showLogs(of: name, in: surroundings.environment)
        case .shell: try await conversation.openShell(of: name, in: surroundings.environment)
        case .again: conversation.say("What: \(step.explanation.what)")
        case .back, .skip, .stop: break
        }
    }
}

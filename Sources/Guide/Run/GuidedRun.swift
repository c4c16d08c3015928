internal import ApplianceModel
internal import Deployment
internal import HostSystem
internal import SpecFile
internal import SystemPackage
internal import Verification
internal import Workflow

/// The deployment of a guide: the same engine, steps and spec file as `deploy`, with questions to the user.
struct GuidedRun {
    let conversation: Conversation
    let surroundings: Surroundings
    let draft: GuideDraft
    let sink: any EventSink
    let bootPatience: Duration

    enum End {
        case completed(Appliance, changed: Bool)
        /// The user wants to change an answer first.
        case back
        case stopped
        case interrupted
        case failed(any Error)
    }

    /// The spec to deploy comes from the stored file, read as `deploy` reads it.
    private func spec() throws -> ApplianceSpec {
        let file = draft.saved ?? surroundings.directory(of: draft.spec.name).spec
        guard let bytes = try Files.readIfPresent(file), let stored = try? SpecFile.parse(bytes, file: file.string), stored == draft.spec else {
            return draft.spec
        }
        return stored
    }

    func toEnd() async throws -> End {
        let spec = try spec()
        let situation = try await surroundings.situation(spec, asksGuest: true)
        let gate = GuidedGate(conversation, surroundings, situation.plan, spec.name)
        let deployer = Deployer(
            environment: surroundings.environment, gate: gate, sink: sink, bootPatience: bootPatience,
            leave: Leave(
                restart: { [conversation] changes in
                    conversation.say([.plain("These changes need a restart, which ends every connection:"), .list("Changes", changes.map(PlanText.line))])
                    return (try? await conversation.agrees("Restart now?")) == true
                },
                overwriting: { [conversation] lines in
                    conversation.say([.plain("These lines were added by hand, and would be lost:"), .list("Lines", Leave.lines(lines))])
                    return (try? await conversation.agrees("Remove them?")) == true
                }))
        let (appliance, outcome) = try await deployer.deploy(spec)
        switch outcome.result {
        case .completed where outcome.skipped.isEmpty: return .completed(appliance, changed: outcome.changed)
        case .completed:
            conversation.say("Everything is done but the verification: until it is, the appliance counts as incomplete.")
            return .stopped
        case .failed(let step, let error):
            conversation.say([.gap, .plain(leftBehind(appliance, outcome, at: step))])
            return .failed(error)
        case .cancelled(let step):
            if gate.wantsBack { return .back }
            conversation.say([.gap, .plain(leftBehind(appliance, outcome, at: step))])
            return Task.isCancelled ? .interrupted : .stopped
        }
    }

    private func leftBehind(_ appliance: Appliance, _ outcome: RunOutcome, at step: StepID) -> String {
        if outcome.reverted { return "What this run did was undone." }
        let failures = outcome.revertFailures.map { "'\($0.step)' could not be undone: \(TextLines.shown(FailureText.render($0.error)))" }
        let evidence = Files.exists(appliance.directory.evidence) ? " The evidence is in \(appliance.directory.evidence)." : ""
        return (failures + ["Stopped at '\(step)'. What was done stays.\(evidence)", "To remove it: pgkvm delete \(appliance.name)"]).joined(separator: "\n")
    }
}

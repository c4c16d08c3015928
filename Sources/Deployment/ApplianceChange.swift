internal import ApplianceModel
package import Basics
internal import HostSystem
internal import MachineBackend
internal import Reports
internal import SpecFile
internal import Verification
internal import Workflow

/// Ends a change of an appliance that was configured before: either the change is complete, or it is taken back.
struct ApplianceChange {
    /// The last spec that was completely deployed.
    let known: ApplianceSpec
    /// Checks that already failed before the change. The change is not to blame for them.
    let failingBefore: Set<String>
    /// Whether this run deploys the former spec again, to give up a change that failed.
    let isWayBack: Bool
    /// Receives events other than those of the steps.
    let sink: any EventSink

    /// The quick checks that fail now. A verified appliance has none, so its checks are not run.
    static func failingBefore(_ appliance: Appliance) async throws -> Set<String> {
        guard try await !appliance.isVerified(), try await appliance.powerState() == .running else { return [] }
        let report = try? await appliance.context.verify(VerificationOptions(depth: .quick)) { _ in }
        return Set((report?.findings ?? []).filter { $0.level == .fail }.map(\.check))
    }

    /// Completes or takes back the change that a run made.
    /// - Parameters:
    ///   - context: the context of the run.
    ///   - runAgain: runs the deployment with another spec.
    /// - Returns: the outcome for the user.
    func ended(
        _ outcome: RunOutcome, _ context: DeploymentContext, runAgain: (DeploymentContext) async throws -> RunOutcome
    ) async throws -> RunOutcome {
        switch outcome.result {
        case .completed:
            try await settle(context)
            return outcome
        case .cancelled:
            // The next run continues the unfinished change, or gives it up.
            return outcome
        case .failed(let step, let error):
            if isWayBack { return outcome }
            if (error as? Failure)?.code == .checksFailed, failing(context).isSubset(of: failingBefore) {
                try await settle(context)
                return outcome
            }
            if (error as? Failure).map({ [.specRefused, .serverEdited, .restartNeeded].contains($0.code) }) == true, try await !isApplied(context) {
                try Files.remove(context.directory.wantedSpec)
            }
            var ended = outcome
            ended.result = .failed(step: step, error: try await takenBack(error, outcome, context, runAgain))
            return ended
        }
    }

    private func isApplied(_ context: DeploymentContext) async throws -> Bool { try await context.journal.fact(ChangeFact.self)?.isApplied == true }

    private func failing(_ context: DeploymentContext) -> Set<String> {
        Set(((try? ReportStore.latest(context.directory))?.findings ?? []).filter { $0.level == .fail }.map(\.check))
    }

    /// The change is complete: from now on its spec is the appliance's spec.
    private func settle(_ context: DeploymentContext) async throws {
        if try await context.journal.fact(ChangeFact.self) != nil {
            try await ServerChange.settle(on: context.guest)
            try await context.journal.forget(ChangeFact.self)
        }
        let directory = context.directory
        if isWayBack {
            try Files.remove(directory.wantedSpec)
        } else if Files.exists(directory.wantedSpec) {
            try Files.rename(directory.wantedSpec, to: directory.spec)
        }
    }

    /// Puts the former state in force again, as far as this run has changed it.
    /// - Returns: the failure for the user: the original reason, and which state is in force now.
    private func takenBack(
        _ error: any Error, _ outcome: RunOutcome, _ context: DeploymentContext, _ runAgain: (DeploymentContext) async throws -> RunOutcome
    ) async throws -> any Error {
        let former = context.replacing(spec: known)
        let reason = ((error as? Failure)?.message ?? "\(error)").split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }.joined(
            separator: " ")
        let isResized = outcome.performed.contains(ResizeMachineStep().id)
        var isBack = true
        if let change = try await context.journal.fact(ChangeFact.self), change.isApplied {
            // `serverNotStarted` means that the guest has already taken the change back itself.
            if (error as? Failure)?.code != .serverNotStarted {
                do {
                    try await ServerChange.takeBack(version: context.postgresqlVersion(), restarts: change.isByRestart, on: context.guest)
                } catch {
                    isBack = false
                }
            }
            if isBack { try await removeParts(change.made ?? [], context) }
            if isBack, let configuration = change.former { try await context.journal.record(configuration) }
            try await context.journal.record(
                ChangeFact(isApplied: !isBack, isByRestart: change.isByRestart, reason: reason, former: isBack ? nil : change.former))
        } else {
            guard isResized else {
                if Files.exists(context.directory.wantedSpec) {
                    try await context.journal.record(ChangeFact(isApplied: false, isByRestart: false, reason: reason))
                }
                return error
            }
            try await context.journal.record(ChangeFact(isApplied: false, isByRestart: true, reason: reason))
        }
        guard isBack, (error as? Failure)?.code != .serverDown else {
            return failure(error, "the former configuration could not be put in force again", isBack: false)
        }
        sink.receive(.warning("the change of '\(known.name)' did not come true and is taken back"))
        // Deploying the former spec again restores the machine's size, and verifies that all of the spec is in force.
        let again = try await runAgain(former)
        await former.guest.close()
        guard case .completed = again.result else {
            let why = if case .failed(_, let second) = again.result { ": \((second as? Failure)?.message ?? "\(second)")" } else { "" }
            return failure(error, "the former configuration is in force again, and it is not verified\(why)", isBack: true)
        }
        return failure(error, "the former configuration is in force again, and verified", isBack: true)
    }

    /// Removes what the change made in the server, the newest first.
    private func removeParts(_ parts: [DatabaseParts], _ context: DeploymentContext) async throws {
        var left: [String] = []
        for part in parts.reversed() { left += try await part.remove(context.guest, version: context.postgresqlVersion()) }
        if !left.isEmpty { sink.receive(.warning("the change made these, and they stay because they are in use: \(left.joined(separator: ", "))")) }
    }

    private func failure(_ error: any Error, _ end: String, isBack: Bool) -> Failure {
        let failure = error as? Failure
        return Failure(
            isBack ? .changeTakenBack : .changeNotTakenBack, "the change did not come true, and \(end): \(failure?.message ?? "\(error)")",
            remedy: isBack
                ? "correct the spec and deploy it again; the appliance goes on with the former one"
                : "pgkvm logs \(known.name); then deploy the former spec again", cause: failure?.cause)
    }
}

extension Failure.Code {
    /// A change failed, and the former state is in force again.
    package static let changeTakenBack = Failure.Code("change.taken-back")
    /// A change failed, and the attempt to take it back failed too.
    package static let changeNotTakenBack = Failure.Code("change.not-taken-back")
}

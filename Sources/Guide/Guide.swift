package import ApplianceModel
package import Basics
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import Reports
internal import SpecFile
package import SystemPackage
internal import Verification
package import Workflow

/// What the user wants to deploy with the guide.
package enum GuideTarget: Sendable {
    case name(ApplianceName)
    /// A spec file, whose values are the initial answers.
    case file(FilePath, ApplianceSpec)
    /// The guide asks for the name.
    case open
}

/// How a guide ended.
package enum GuideEnd: Sendable {
    /// Deployed and verified, with the spec file if one was stored.
    case deployed(ApplianceName, spec: FilePath?)
    /// The spec file is stored, and nothing was deployed.
    case saved(spec: FilePath)
    /// There was nothing to do.
    case unchanged
    /// Stopped by the user; the answers are kept.
    case stopped
    /// Interrupted by Ctrl-C; the answers are kept.
    case interrupted
    case failed(any Error)
}

/// The guided way: from questions to a spec file, and from the spec file through the steps to a verified appliance.
///
/// The guide decides nothing itself. Its findings and recommendations come from the planner and the defaults of a spec. It deploys from the spec file
/// that it wrote.
package struct Guide: Sendable {
    private let surroundings: Surroundings
    private let conversation: Conversation
    private let sink: any EventSink
    private let bootPatience: Duration

    /// - Parameter sink: shows the steps while they run.
    package init(_ surroundings: Surroundings, terminal: any GuideTerminal, sink: any EventSink, bootPatience: Duration = .seconds(300)) {
        self.surroundings = surroundings
        conversation = Conversation(terminal: terminal)
        self.sink = sink
        self.bootPatience = bootPatience
    }

    /// Goes as far as the user wants.
    /// - Throws: `guide.busy`, and the errors for a damaged spec, draft or journal.
    package func run(_ target: GuideTarget) async throws -> GuideEnd {
        do {
            let target = try await named(target)
            guard let name = target.name else { return .stopped }
            DebugLog.current?.keep(in: surroundings.environment.state.appliance(name).debugLog)
            let place = surroundings.directory(of: name)
            try Files.createDirectory(surroundings.environment.state.path)
            try Files.createDirectory(surroundings.environment.state.guides)
            try Files.createDirectory(place.path)
            guard let lock = try FileLock.tryAcquire(place.lock) else {
                throw Failure(.guideBusy, "another guide is at work on '\(name)'", remedy: "end that one first; its answers are kept")
            }
            let end = await ended { try await begin(target, name, place) }
            try finish(end, name, place)
            _ = consume lock
            return try end.get()
        } catch is CancellationError {
            return .interrupted
        }
    }

    private func ended(_ body: () async throws -> GuideEnd) async -> Result<GuideEnd, any Error> {
        do {
            return .success(try await body())
        } catch is CancellationError {
            return .success(.interrupted)
        } catch {
            return .failure(error)
        }
    }

    /// Says what comes next, and removes a draft that is no longer needed.
    private func finish(_ end: Result<GuideEnd, any Error>, _ name: ApplianceName, _ place: GuideDirectory) throws {
        let isOver =
            switch end {
            case .success(.deployed), .success(.unchanged): true
            default: false
            }
        guard isOver || !Files.exists(place.spec) else {
            conversation.say([.gap, .plain("The answers are kept in \(place.spec)."), .plain("To carry on: pgkvm guide \(name)")])
            return
        }
        try Files.remove(place.path)
        if (try? Files.list(surroundings.environment.state.guides).isEmpty) == true { try Files.remove(surroundings.environment.state.guides) }
    }
}

// MARK: The beginning

extension Guide {
    private func named(_ target: GuideTarget) async throws -> GuideTarget {
        guard case .open = target else { return target }
        conversation.say([
            .heading("A PostgreSQL appliance, step by step"),
            .plain(
                "Seven stops ask for what is to be made and explain it; nothing is made before the last. Then each step of the deployment asks before it runs. "
                    + "Every answer is kept: q, Ctrl-C or a lost connection loses nothing."),
        ])
        let drafts = ((try? Files.list(surroundings.environment.state.guides)) ?? []).compactMap(ApplianceName.init).sorted { $0.rawValue < $1.rawValue }
        if !drafts.isEmpty { conversation.say("Begun and not finished: \(drafts.map(\.rawValue).joined(separator: ", ")).") }
        let proposal = drafts.first?.rawValue ?? "db"
        while true {
            switch try await conversation.ask("Name of the appliance [\(proposal)] > ") {
            case .enter: return ApplianceName(proposal).map(GuideTarget.name) ?? .open
            case .text(let text):
                if let name = ApplianceName(text) { return .name(name) }
                conversation.say("'\(TextLines.shown(text))' is no name of an appliance. A name has \(ApplianceName.rule).")
            case .key(.stop): return .open
            case .key: conversation.say("A name has \(ApplianceName.rule). It is also the guest's host name. q stops.")
            }
        }
    }

    private func begin(_ target: GuideTarget, _ name: ApplianceName, _ place: GuideDirectory) async throws -> GuideEnd {
        guard var draft = try await answers(target, name, place) else { return .stopped }
        let situation = try await surroundings.situation(draft.spec, asksGuest: true)
        switch try await opening(draft, situation) {
        case .unchanged: return .unchanged
        case .stopped: return .stopped
        case .walk: break
        case .run:
            draft.stop = .review
            try draft.save(in: place)
            switch try await deploy(&draft, place) {
            case .some(let end): return end
            case nil: break
            }
        }
        while true {
            var walk = try await Walk(draft, conversation, surroundings)
            let end = try await walk.toReview()
            draft = walk.draft
            if case .stopped = end { return .stopped }
            var review = Review(draft, conversation, surroundings)
            let decision = try await review.decide()
            draft = review.draft
            switch decision {
            case .back: draft.stop = .postgresql
            case .stopped: return .stopped
            case .saved: return draft.saved.map { .saved(spec: $0) } ?? .stopped
            case .begin: if let end = try await deploy(&draft, place) { return end }
            }
        }
    }

    /// The initial answers: those of a draft, of a file, of the existing appliance, or none.
    private func answers(_ target: GuideTarget, _ name: ApplianceName, _ place: GuideDirectory) async throws -> GuideDraft? {
        let known = try GuideDraft.load(place)
        if case .file(let path, let spec) = target {
            guard let known, known.spec != spec else { return GuideDraft(spec: spec, stop: known?.stop ?? .host, source: path) }
            conversation.say("There are answers of an earlier guide for '\(name)', and they are not those of '\(surroundings.shown(path))'.")
            switch try await conversation.ask("Enter carries on with them, f begins anew with the file, q stops > ") {
            case .enter: return known
            case .text(let text) where text.lowercased() == "f": return GuideDraft(spec: spec, source: path)
            default: return nil
            }
        }
        if let known {
            conversation.say("Carrying on with the answers of \(place.spec).")
            return known
        }
        let stored = surroundings.environment.state.appliance(name).spec
        guard Files.exists(stored) else { return GuideDraft(spec: ApplianceSpec(name: name)) }
        return GuideDraft(spec: try SpecFile.parse(Files.readRegular(stored), file: stored.string))
    }

    private enum Opening { case walk, run, unchanged, stopped }

    /// Asks what to do with an existing appliance.
    private func opening(_ draft: GuideDraft, _ situation: Situation) async throws -> Opening {
        let (name, plan) = (draft.spec.name, situation.plan)
        guard plan.deployment != .new else { return .walk }
        let isDone = plan.deployment == .deployed && plan.isUnchanged
        let pending = plan.steps.filter { $0.status != .done }
        let state =
            switch plan.deployment {
            case .deployed where isDone: "'\(name)' is deployed and verified, its machine is \(plan.state), and nothing is to be done."
            case .deployed: "'\(name)' is deployed; its machine is \(plan.state)."
            case .new, .incomplete: "'\(name)' is begun and not complete: \(plan.steps.count - pending.count) of \(plan.steps.count) steps are done."
            }
        conversation.say([.gap, .plain(state)] + (plan.changes.isEmpty ? [] : [.list("Changes", plan.changes.map(PlanText.line))]))
        if !isDone { conversation.say([.paragraph("To do", pending.isEmpty ? "the changes" : pending.map(\.id).joined(separator: ", "))]) }
        let enter = isDone ? "Enter ends here" : "Enter carries on"
        while true {
            switch try await conversation.ask("\(enter), c: answers, v: verify, l: logs, !: shell, q: stop > ") {
            case .enter where isDone: return .unchanged
            case .enter:
                guard plan.refusals.isEmpty else {
                    conversation.say("It cannot carry on: \(plan.refusals.joined(separator: "; ")). c goes through the answers.")
                    continue
                }
                return .run
            case .text(let text) where text.lowercased() == "c": return .walk
            case .text(let text) where text.lowercased() == "v": try await verify(name)
            case .key(.log): try await conversation.showLogs(of: name, in: surroundings.environment)
            case .key(.shell): try await conversation.openShell(of: name, in: surroundings.environment)
            case .key(.stop): return isDone ? .unchanged : .stopped
            default: conversation.say("Enter, c, v, l, ! or q.")
            }
        }
    }
}

// MARK: The end

extension Guide {
    /// - Returns: how the guide ends; nil if the user wants to change an answer first.
    private func deploy(_ draft: inout GuideDraft, _ place: GuideDirectory) async throws -> GuideEnd? {
        let run = GuidedRun(conversation: conversation, surroundings: surroundings, draft: draft, sink: sink, bootPatience: bootPatience)
        do {
            switch try await run.toEnd() {
            case .completed(let appliance, let changed):
                try await verified(appliance, changed: changed)
                return .deployed(appliance.name, spec: draft.saved)
            case .back: return nil
            case .stopped: return .stopped
            case .interrupted: return .interrupted
            case .failed(let error): return .failed(error)
            }
        } catch let failure as Failure where [.applianceDiffers, .restartNeeded, .diskFull, .availabilityImpossible].contains(failure.code) {
            // Nothing was changed, so another answer may help.
            conversation.explain(failure)
            return nil
        }
    }

    /// The last stop: the results of the verification, and the offer to measure.
    private func verified(_ appliance: Appliance, changed: Bool) async throws {
        let summary = try await ApplianceSummary.of(appliance, changed: changed)
        conversation.say([
            .gap, .heading("Verification"),
            .paragraph("What", "What was asked for, held against what is there: a client's connection, every setting, disks, processor and network."),
            .paragraph("Why", "A promise that nobody measured is none. The checks below only asked; measuring speed and flushes takes about two minutes more."),
        ])
        let report = try ReportStore.latest(appliance.directory)
        if let report { conversation.say([.paragraph("Found", Self.counts(report.findings))]) }
        conversation.say(summary.text)
        while true {
            switch try await conversation.ask("Enter ends, p shows every check, v measures now, l logs, ! shell > ") {
            case .enter, .key(.stop), .key(.skip): return
            case .text(let text) where text.lowercased() == "p":
                if let report { try await conversation.page(TextReport.findings(report.findings, style: conversation.terminal.style)) }
            case .text(let text) where text.lowercased() == "v": try await verify(appliance.name)
            case .key(.log): try await conversation.showLogs(of: appliance.name, in: surroundings.environment)
            case .key(.shell): try await conversation.openShell(of: appliance.name, in: surroundings.environment)
            default: conversation.say("Enter, p, v, l or !.")
            }
        }
    }

    /// `51 checks: 45 pass, 3 skip, 3 warn, 0 fail`.
    static func counts(_ findings: [Finding]) -> String {
        let levels = Finding.Level.allCases.map { level in "\(findings.count { $0.level == level }) \(level.rawValue)" }
        return "\(findings.count) checks: \(levels.joined(separator: ", "))"
    }

    /// The measurements of `pgkvm verify`.
    private func verify(_ name: ApplianceName) async throws {
        do {
            let appliance = try Appliance.open(name.rawValue, in: surroundings.environment)
            conversation.say("Measuring; Ctrl-C ends it.")
            let report = try await sink.activity("verify", "Verify '\(name)'") {
                try await appliance.verify(VerificationOptions(depth: .standard)) { StepProgress.report("checking: \($0)") }
            }
            conversation.terminal.discardTypeahead()
            try await conversation.page("\n" + TextReport.render(report, style: conversation.terminal.style))
        } catch let failure as Failure {
            conversation.explain(failure)
        }
    }
}

extension GuideTarget {
    fileprivate var name: ApplianceName? {
        switch self {
        case .name(let name): name
        case .file(_, let spec): spec.name
        case .open: nil
        }
    }
}

extension Failure.Code {
    /// Two guides for one appliance would overwrite each other's answers.
    package static let guideBusy = Failure.Code("guide.busy")
}

internal import ApplianceModel
internal import Basics
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import SpecFile

/// The way through the stops, forward and back, up to the review.
struct Walk {
    let conversation: Conversation
    let surroundings: Surroundings
    let place: GuideDirectory
    private(set) var draft: GuideDraft
    private var situation: Situation

    static let stops: [any Stop] = [HostStop(), DiskStop(), CPUStop(), NetworkStop(), ImageStop(), PostgreSQLStop()]

    enum End { case review, stopped }

    private enum Step { case next, back, stop, stay }

    init(_ draft: GuideDraft, _ conversation: Conversation, _ surroundings: Surroundings) async throws {
        self.draft = draft
        self.conversation = conversation
        self.surroundings = surroundings
        place = surroundings.directory(of: draft.spec.name)
        situation = try await surroundings.situation(draft.spec)
    }

    /// Continues at the draft's stop. Each answer is on disk before the next question.
    mutating func toReview() async throws -> End {
        var index = Self.stops.firstIndex { $0.id == draft.stop } ?? (draft.stop == .review ? Self.stops.count : 0)
        while index < Self.stops.count {
            draft.stop = Self.stops[index].id
            try draft.save(in: place)
            switch try await visit(Self.stops[index], index) {
            case .next: index += 1
            case .back where index == 0: conversation.say("This is the first stop.")
            case .back: index -= 1
            case .stop: return .stopped
            case .stay: break
            }
        }
        draft.stop = .review
        try draft.save(in: place)
        return .review
    }

    private mutating func visit(_ stop: any Stop, _ index: Int) async throws -> Step {
        try await conversation.page([.gap] + Self.blocks(stop, situation, conversation.terminal.isPlain))
        conversation.say([.plain(Self.keys)])
        var question = 0
        while true {
            let questions = stop.questions(situation)
            guard question < questions.count else {
                if questions.isEmpty, let step = try await goOn(stop) { return step }
                if questions.isEmpty { continue }
                return .next
            }
            let asked = questions[question]
            conversation.say([.plain("\(asked.label): \(asked.hint)")])
            switch try await conversation.ask("\(asked.label) [\(asked.present)] > ") {
            case .enter: question += 1
            case .text(let text): if try await take(text, asked) { question += 1 }
            case .key(.back) where question > 0: question -= 1
            case .key(.skip): return .next
            case .key(let key): if let step = try await press(key, stop) { return step }
            }
        }
    }

    /// Waits for the user at a stop without questions.
    private mutating func goOn(_ stop: any Stop) async throws -> Step? {
        switch try await conversation.ask("Go on [Enter] > ") {
        case .enter, .key(.skip): return .next
        case .text: conversation.say("There is nothing to answer here: Enter goes on.")
        case .key(let key): return try await press(key, stop)
        }
        return nil
    }

    private mutating func press(_ key: GuideKey, _ stop: any Stop) async throws -> Step? {
        switch key {
        case .back: return .back
        case .stop: return .stop
        case .skip: return .next
        case .again:
            situation = try await surroundings.situation(draft.spec)
            return .stay
        case .more: try await conversation.page(Self.more(stop.id, situation))
        case .log: try await conversation.showLogs(of: draft.spec.name, in: surroundings.environment)
        case .shell: try await conversation.openShell(of: draft.spec.name, in: surroundings.environment)
        }
        return nil
    }

    /// Checks an answer against the rules of the spec and against the host, and stores it on disk.
    /// - Returns: whether it was accepted; if not, the user was told the reason.
    private mutating func take(_ text: String, _ question: Question) async throws -> Bool {
        do {
            let spec = try question.apply(text, draft.spec)
            let new = try await surroundings.situation(spec)
            let refusals = Self.fresh(new, than: situation)
            guard refusals.isEmpty else {
                conversation.say(refusals.map { Block.plain("Not possible here: \($0)") })
                return false
            }
            let warnings = Set(situation.plan.findings.filter { $0.level == .warn }.map(Situation.text))
            for finding in new.plan.findings where finding.level == .warn && !warnings.contains(Situation.text(finding)) {
                conversation.say("Note, \(finding.check): \(Situation.text(finding))")
            }
            for change in new.plan.changes where !situation.plan.changes.contains(where: { $0.text == change.text }) {
                conversation.say("A change of what is there: \(PlanText.line(change))")
            }
            draft.spec = spec
            situation = new
            try draft.save(in: place)
            return true
        } catch let failure as Failure where [.specInvalid, .invalidInput].contains(failure.code) {
            conversation.say(failure.message)
            return false
        }
    }

    /// Refusals that the new answer causes, each with what to do about it.
    static func fresh(_ new: Situation, than old: Situation) -> [String] {
        let known = Set(old.plan.refusals)
        // A refusal in which only a figure changed counts as caused by this answer too.
        return new.plan.refusals.filter { !known.contains($0) }.map { refusal in
            let remedy = new.plan.findings.first { $0.level == .fail && $0.measured == refusal }?.remedy
            return refusal + (remedy.map { "; try: \($0)" } ?? "")
        }
    }

    static let keys =
        "Enter: what stands in brackets. ?: by hand. b: back, s: skip the rest of this stop, r: look again, l: logs, !: guest's shell, q: stop, keeping the answers."

    static func heading(_ stop: StopID, _ title: String) -> Block {
        let position = (StopID.allCases.firstIndex(of: stop) ?? 0) + 1
        return .heading("Stop \(position) of \(StopID.allCases.count): \(title)")
    }

    static func blocks(_ stop: any Stop, _ situation: Situation, _ isPlain: Bool) -> [Block] {
        [heading(stop.id, stop.title)] + stop.text(situation).blocks
    }

    /// The commands by hand.
    static func more(_ stop: StopID, _ situation: Situation) -> [Block] {
        ByHand.sections(stop, situation.byHand).flatMap { section -> [Block] in [.heading(section.title), .commands(section.lines), .gap] }
            + [.plain("Words in capitals stand for what is chosen when the machine is made, or is yours to choose.")]
    }
}

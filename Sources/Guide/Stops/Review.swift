internal import ApplianceModel
internal import Basics
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SpecFile
internal import SystemPackage

/// The last stop before anything is created: the plan, the spec file, and the decision to begin.
struct Review {
    let conversation: Conversation
    let surroundings: Surroundings
    private(set) var draft: GuideDraft

    enum End {
        case begin
        /// The spec is stored and will not be deployed.
        case saved
        case back, stopped
    }

    private var place: GuideDirectory { surroundings.directory(of: draft.spec.name) }

    init(_ draft: GuideDraft, _ conversation: Conversation, _ surroundings: Surroundings) {
        self.draft = draft
        self.conversation = conversation
        self.surroundings = surroundings
    }

    private static let keys =
        "Enter stores the spec file and begins. w: only store it. p: the whole plan, f: the rendered files, y: the spec file, ?: the commands by hand. "
        + "b: back, r: look again, l: logs, !: shell in the guest, q: stop and keep the answers."

    mutating func decide() async throws -> End {
        var situation = try await look()
        while true {
            switch try await conversation.ask("Begin [Enter] > ") {
            case .enter:
                guard situation.plan.refusals.isEmpty else {
                    conversation.say("It cannot begin: \(situation.plan.refusals.joined(separator: "; ")). b goes back, r looks again.")
                    continue
                }
                if try await store() { return .begin }
            case .text("w"): if try await store() { return .saved }
            case .text("p"): try await conversation.page(PlanText.render(situation.plan, showsFiles: false))
            case .text("f"): try await showFiles(situation)
            case .text("y"): try await conversation.page(draft.text)
            case .text(let other): conversation.say("'\(TextLines.shown(other))' is no key here. \(Self.keys)")
            case .key(.more): try await conversation.page(Walk.more(.review, situation))
            case .key(.again), .key(.skip): situation = try await look()
            case .key(.back): return .back
            case .key(.stop): return .stopped
            case .key(.log): try await conversation.showLogs(of: draft.spec.name, in: surroundings.environment)
            case .key(.shell): try await conversation.openShell(of: draft.spec.name, in: surroundings.environment)
            }
        }
    }

    private func look() async throws -> Situation {
        let situation = try await surroundings.situation(draft.spec)
        try await conversation.page(Self.blocks(situation))
        conversation.say(Self.keys)
        return situation
    }

    /// The head of the plan's own text, and a short description of the machine.
    static func blocks(_ situation: Situation) -> [Block] {
        let (spec, plan) = (situation.spec, situation.plan)
        let server = spec.postgresql
        let made = plan.steps.filter { $0.status != .done }.map(\.id)
        return [.gap, Walk.heading(.review, "review"), .plain(PlanText.head(plan))]
            + [.list("Machine", PlanText.machine(plan))]
            + [
                .paragraph(
                    "Server",
                    "\(plan.packages.postgresqlVersion.map { "PostgreSQL \($0)" } ?? "PostgreSQL") (\(server.source.rawValue)), profile "
                        + "\(server.profile.rawValue), time zone \(server.timeZone), databases: \(server.databases.map(\.name).joined(separator: ", "))"),
                .paragraph("Steps", made.isEmpty ? "none is to be done" : "\(made.count) to do: \(made.joined(separator: ", "))"),
            ]
    }

    private func showFiles(_ situation: Situation) async throws {
        let files = situation.plan.files
        let names = files.enumerated().map { "\($0.offset + 1). \($0.element.relativePath)" }
        try await conversation.page([.list("Files", names)])
        while true {
            guard case .text(let text) = try await conversation.ask("Number of a file, Enter for none > ") else { return }
            guard let number = Int(text), files.indices.contains(number - 1) else {
                conversation.say("1 to \(files.count) are possible.")
                continue
            }
            try await conversation.page(files[number - 1].content)
        }
    }

    // MARK: The spec file

    /// Stores the spec where the user wants it. It overwrites the file of the initial answers only if the user agrees.
    /// - Returns: false if the user decided against it.
    private mutating func store() async throws -> Bool {
        if let source = draft.source, Self.holds(source, draft.spec) {
            draft.saved = source
            try draft.save(in: place)
            conversation.say("The answers are those of '\(surroundings.shown(source))', which stays as it is.")
            return true
        }
        let proposal = surroundings.shown(
            draft.saved ?? surroundings.absolute(draft.source == nil ? "\(draft.spec.name).yaml" : "\(draft.spec.name)-guide.yaml"))
        while true {
            let path: FilePath
            switch try await conversation.ask("Store the spec file as [\(proposal)] > ") {
            case .enter: path = surroundings.absolute(proposal)
            case .text(let text): path = surroundings.absolute(text)
            case .key(.back), .key(.stop): return false
            case .key: continue
            }
            guard path.extension == "yaml" || path.extension == "yml" else {
                conversation.say("The name of a spec file ends in .yaml: by that 'pgkvm deploy' tells it from the name of an appliance.")
                continue
            }
            do {
                guard try await mayWrite(path) else { continue }
                try Files.write(draft.text, to: path)
                draft.saved = path
                try draft.save(in: place)
                return true
            } catch let failure as Failure {
                conversation.explain(failure)
            }
        }
    }

    private func mayWrite(_ path: FilePath) async throws -> Bool {
        guard let present = try Files.readIfPresent(path), present != Array(draft.text.utf8) else { return true }
        let loses = path == draft.source ? "Its comments and its order would be lost." : "It says something else."
        return try await conversation.agrees("'\(surroundings.shown(path))' is there already. \(loses) Write over it?")
    }

    private static func holds(_ file: FilePath, _ spec: ApplianceSpec) -> Bool {
        guard let bytes = try? Files.read(file), let known = try? SpecFile.parse(bytes, file: file.string) else { return false }
        return known == spec
    }
}

extension String {
    /// The parts between a separator.
    fileprivate func components(_ separator: String) -> [String] { split(separator: separator, omittingEmptySubsequences: true).map(String.init) }
}

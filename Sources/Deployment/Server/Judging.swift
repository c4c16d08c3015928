internal import ApplianceModel
package import Basics
internal import HostSystem
internal import MachineBackend
internal import PostgresServer
internal import SpecFile
internal import Synchronization
internal import SystemPackage
internal import Workflow

extension DeploymentContext {
    /// Asks the guest's PostgreSQL to judge the spec. Nothing of the spec is in force afterwards.
    /// - Throws: `server.not-judged`, and the errors of the connection.
    func judgement() async throws -> ServerJudgement {
        let plan = try await ServerPlan(self)
        if let known = judgements.known(plan.digest) { return known }
        StepProgress.report("asking the server")
        let present = try await PresentServer.ask(guest, version: plan.version)
        let parts = try await DatabaseParts.missing(spec, present: present, guest, version: plan.version)
        var asked: [(name: String, path: String)] = []
        for part in parts.extensions where !asked.contains(where: { $0.name == part.name }) { asked.append((part.name, part.path)) }
        let hasLessMemory = try await hasLessMemory()
        let question = ServerQuestion(plan, certificate: try plan.certificate(), extensions: asked.map(\.name), isForMoreMemory: hasLessMemory)
        let answer = try await WaitingTime.measure { try await question.ask(guest) }
        let judgement = ServerJudgement(
            spec, answer: answer, present: present, extensions: asked, known: try textsInForce(plan), planned: Self.texts(plan.content))
        // With more memory, the same plan needs another judgement.
        if !hasLessMemory { judgements.remember(judgement, plan.digest) }
        return judgement
    }

    /// Combines what the server would refuse into one failure.
    func refusal(_ faults: [SpecFault]) -> Failure {
        Failure(
            .specRefused,
            "the PostgreSQL of '\(spec.name)' does not take this spec; nothing was changed:\n"
                + faults.map { "  \(places.text(of: $0))" }.joined(separator: "\n"),
            remedy: "correct what is listed and run the same command again")
    }

    /// Whether the running machine has less memory than the spec asks for.
    private func hasLessMemory() async throws -> Bool {
        guard let machine = try await journal.fact(MachineFact.self)?.reference else { return false }
        return try await backend.processor(of: machine).memory < spec.machine.memory
    }

    /// The files of the configuration in force, by their path in the configuration directory; empty if its spec cannot be read.
    private func textsInForce(_ plan: ServerPlan) throws -> [String: String] {
        guard let bytes = try Files.readIfPresent(directory.spec), let known = try? SpecFile.parse(bytes, file: directory.spec.string) else { return [:] }
        return Self.texts(try ServerContent(known, version: plan.version, place: plan.content.place))
    }

    private static func texts(_ content: ServerContent) -> [String: String] {
        let place = "\(content.layout.configurationDirectory)/"
        return Dictionary(
            content.files.filter { $0.path.utf8.starts(with: place.utf8) }.map {
                (String($0.path.dropFirst(place.count)), String(decoding: $0.content, as: UTF8.self))
            }, uniquingKeysWith: { first, _ in first })
    }
}

/// What a run has found out and done: the server is not asked the same question twice.
package final class Judgements: Sendable {
    private let last = Mutex<(digest: String, judgement: ServerJudgement)?>(nil)
    private let started = Mutex(false)

    /// Whether this run has started the machine, which was off before.
    var hasStarted: Bool {
        get { started.withLock { $0 } }
        set { started.withLock { $0 = newValue } }
    }

    func known(_ digest: String) -> ServerJudgement? { last.withLock { $0?.digest == digest ? $0?.judgement : nil } }

    func remember(_ judgement: ServerJudgement, _ digest: String) { last.withLock { $0 = (digest, judgement) } }
}

extension Failure.Code {
    /// The guest's PostgreSQL refuses what a spec asks of it.
    package static let specRefused = Failure.Code("spec.refused")
}

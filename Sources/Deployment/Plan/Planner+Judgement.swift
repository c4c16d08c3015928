internal import ApplianceModel
internal import Basics
internal import GuestImage
internal import MachineBackend
internal import PostgresServer
internal import SpecFile
internal import Workflow

/// Judges a change in advance: by the running server, or else by the catalogue of its image.
extension Planner {
    /// The server's judgement of the spec; empty if the server would not change.
    func judged(
        _ context: DeploymentContext, _ present: PresentAppliance, version: Int?, asksGuest: Bool
    ) async -> (findings: [Finding], restart: SpecChanges.Restart) {
        do {
            guard let version, let fact = try await context.journal.fact(ConfigurationFact.self),
                try ServerContent(context.spec, version: version, place: fact.place ?? .userNetworking).digest != fact.digest
            else { return ([], .unknown) }
            guard asksGuest, present.power == .running else { return try await judgedByImage(context) }
            let judgement = try await context.judgement()
            let expected = "a spec that the server takes"
            let refused = judgement.faults.map { fault in
                Finding(
                    check: "postgresql.judgement", level: .fail,
                    measured: context.places.text(of: fault), expected: expected,
                    remedy: "correct the spec")
            }
            let edited = Leave.lines(judgement.addedByHand).map {
                Finding(
                    check: "postgresql.access-file", level: .warn, measured: "added by hand, and lost by this change: \($0)", expected: expected,
                    remedy: "ask for the same in the spec, or deploy with --overwrite")
            }
            return (refused + edited, .waiting(judgement.isRunning ? judgement.waitingForRestart : []))
        } catch {
            return (
                [
                    Finding(
                        check: "postgresql.judgement", level: .warn, measured: "the server could not be asked: \((error as? Failure)?.message ?? "\(error)")",
                        expected: "a server that says what it makes of the spec", remedy: "pgkvm status \(context.spec.name)")
                ], .unknown
            )
        }
    }

    func changes(
        _ context: DeploymentContext, _ present: PresentAppliance, version: Int?, restart: SpecChanges.Restart, asksGuest: Bool
    ) async throws -> [PlannedChange] {
        guard let known = present.known else { return [] }
        let made = try await MadeParts.of(
            context.replacing(spec: known), wanted: context.spec, version: version, isRunning: asksGuest && present.power == .running)
        return SpecChanges(from: known, to: context.spec, version: version, restart: restart, made: made).changes
    }

    /// The judgement by the image's catalogue while there is no server to ask. Extensions may have been added to the guest since.
    private func judgedByImage(_ context: DeploymentContext) async throws -> (findings: [Finding], restart: SpecChanges.Restart) {
        guard let image = try await environment.images.find(context.spec.machine.image), let catalogue = try environment.images.catalogue(of: image) else {
            return ([], .unknown)
        }
        let findings = catalogue.settingFaults(in: context.spec.postgresql).map { fault in
            Finding(
                check: "postgresql.judgement", level: .fail, measured: context.places.text(of: fault),
                expected: "what the image's PostgreSQL can do", remedy: "correct the spec")
        }
        return (findings, .catalogue(catalogue.restartSettings))
    }
}

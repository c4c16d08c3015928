internal import ApplianceModel
internal import Deployment
internal import MachineBackend

/// The server by hand: the same in every guest. It uses the steps' own commands, so that both do the same.
enum ServerByHand {
    static func lines(_ subject: ByHandSubject) -> [String] {
        let version = subject.plan.packages.postgresqlVersion
        let ids = ["prepare-data-disk", "install-postgresql", "configure-postgresql"]
        let steps = ids.compactMap { id in subject.plan.steps.first { $0.id == id } }.flatMap { step in
            ["# \(step.title)"] + step.byHand.map { $0.replacing("…/conf.d", with: "\(version.map { "\($0)" } ?? "VERSION")/main/conf.d") }
        }
        return steps + ["# pgkvm renders those files: f at the review shows them"]
    }
}

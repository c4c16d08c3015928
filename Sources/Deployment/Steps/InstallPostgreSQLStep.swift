internal import ApplianceModel
internal import BuiltinTemplates
internal import SecureShell
internal import Workflow

/// The server's packages, over SSH.
struct InstallPostgreSQLStep: Step {
    let id = StepID(rawValue: "install-postgresql")
    let title = "Install PostgreSQL"

    func explanation(_ context: DeploymentContext) -> StepExplanation {
        StepExplanation(
            what: "installs the server's packages (\(context.spec.postgresql.source.rawValue)) without making a cluster, and keeps timers from restarting it",
            why: "the cluster belongs on the data disk, and its restarts belong to the administrator",
            byHand: ["apt-get install postgresql"])
    }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        let package = "postgresql-\(try await context.postgresqlVersion())"
        let found = try await context.guest.run(
            "dpkg-query -W -f '${db:Status-Status} ${Version}' \(package) && test -z \"$(dpkg --audit)\"", input: [], timeout: .seconds(60))
        let words = found.outputText.split(separator: " ")
        guard found.status == 0, words.count == 2, words[0] == "installed" else { return .pending }
        return .satisfied("\(package) \(words[1])")
    }

    func perform(_ context: DeploymentContext) async throws {
        let version = try await context.postgresqlVersion()
        let script = BuiltinTemplates.guestScript("install-postgresql", arguments: ["\(version)", context.spec.postgresql.source.rawValue])
        try await context.runUnit(purpose: "install", script: script)
        try await context.journal.record(PackagesFact(version: version))
    }

    /// Nothing: the packages go with the machine.
    func revert(_ context: DeploymentContext) async throws {}
}

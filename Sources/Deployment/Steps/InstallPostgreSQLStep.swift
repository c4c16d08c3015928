internal import ApplianceModel
internal import BuiltinTemplates
internal import Quoting
internal import SecureShell
internal import Workflow

/// Installs the server's packages, over SSH.
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
        // Work that the guest was given in advance counts only after this step has seen its end.
        guard let version = try await context.journal.fact(PackagesFact.self)?.version else { return .pending }
        let package = "postgresql-\(version)"
        let found = try await context.guest.run(
            "dpkg-query -W -f '${db:Status-Status} ${Version}' \(package) && test -z \"$(dpkg --audit)\"", input: [], timeout: .seconds(60))
        let words = found.outputText.split(at: " ")
        guard found.status == 0, words.count == 2, words[0] == "installed" else { return .pending }
        return .satisfied("\(package) \(words[1])")
    }

    func perform(_ context: DeploymentContext) async throws {
        try await context.runUnit(Self.installation(context))
        try await context.journal.record(PackagesFact(version: try await context.postgresqlVersion()))
    }

    static func installation(_ context: DeploymentContext) async throws -> RemoteUnit {
        let version = try await context.postgresqlVersion()
        return RemoteUnit(purpose: "install", script: GuestScript.installPostgreSQL.text("\(version)", context.spec.postgresql.source.rawValue))
    }

    /// Whether the image carries the packages: then the guest can install them as soon as it answers.
    static func needsNoNetwork(_ context: DeploymentContext) async throws -> Bool {
        guard context.spec.postgresql.source == .distribution, let release = try await context.journal.fact(ImageFact.self)?.release else { return false }
        return try await context.postgresqlVersion() == release.postgresqlVersion
    }

    /// Does nothing: the packages are removed with the machine.
    func revert(_ context: DeploymentContext) async throws {}
}

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
        let source = context.spec.postgresql.source.rawValue
        let installation = RemoteUnit(
            purpose: "install", script: BuiltinTemplates.guestScript("install-postgresql", arguments: ["\(version)", source]))
        // initdb needs the programs only: it works while their packages are being configured.
        if let unpacking = try await Self.unpacking(context) {
            try await context.runUnit(unpacking)
            try await context.giveHeadStart(ConfigurePostgreSQLStep.initialization(context))
        }
        try await context.runUnit(installation)
        try await context.journal.record(PackagesFact(version: version))
    }

    /// Unpacks the packages that the image carries; nil where others are asked for. The guest can do it as soon as it answers.
    static func unpacking(_ context: DeploymentContext) async throws -> RemoteUnit? {
        let version = try await context.postgresqlVersion()
        guard context.spec.postgresql.source == .distribution,
            let release = try await context.journal.fact(ImageFact.self)?.release, release.postgresqlVersion == version
        else { return nil }
        return RemoteUnit(purpose: "unpack", script: BuiltinTemplates.guestScript("unpack-postgresql", arguments: ["\(version)"]))
    }

    /// Nothing: the packages go with the machine.
    func revert(_ context: DeploymentContext) async throws {}
}

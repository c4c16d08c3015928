package import ApplianceModel
internal import BuiltinTemplates
internal import FoundationEssentials
internal import HostSystem
internal import PostgresClient
internal import PostgresServer
internal import SecureShell
internal import Verification
package import Workflow

/// The cluster on the data disk, its files, its roles and databases; ready when a client has committed a row and read it back.
struct ConfigurePostgreSQLStep: Step {
    static let id = StepID(rawValue: "configure-postgresql")
    var id: StepID { Self.id }
    let title = "Configure PostgreSQL"

    func explanation(_ context: DeploymentContext) -> StepExplanation {
        StepExplanation(
            what: "runs initdb with checksums on the data disk, writes conf.d, pg_hba.conf and a certificate, makes roles and databases",
            why: "settings follow from the guest's size, each with its reason; nobody gets in without TLS and a SCRAM password",
            byHand: ["initdb --data-checksums --encoding=UTF8", "pg_createcluster", "editor /etc/postgresql/…/conf.d", "createuser, createdb"])
    }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let fact = try await context.journal.fact(ConfigurationFact.self), Files.exists(context.directory.caKey) else { return .pending }
        let plan = try await ServerPlan(context)
        guard fact.digest == plan.digest, CertificateDays.left(until: fact.certificateEnd) > CertificateDays.reissueBelow else { return .pending }
        do {
            try await context.connect().close()
        } catch is Failure {
            return .pending
        }
        return .satisfied("PostgreSQL \(plan.version) answers over libpq")
    }

    func perform(_ context: DeploymentContext) async throws {
        let plan = try await ServerPlan(context)
        try plan.authority.save(to: context.directory)
        let passwords = try await StoredPasswords.prepare(context)

        StepProgress.report("making the cluster")
        try await context.runUnit(Self.initialization(context))

        let isKnown = try await context.journal.fact(ConfigurationFact.self) != nil
        let needsRestart = isKnown ? await RestartNeed.isThere(context, planned: plan.settings) : true

        StepProgress.report("writing its files")
        let registration = GuestScript.registerCluster.text("\(plan.version)")
        let certificate = try plan.certificate()
        let filter = plan.content.filtersPackets ? GuestScript.filterPackets.text() : ""
        try await context.runAsRoot(registration + GuestFiles.script(plan.files + plan.files(of: certificate)) + filter)

        StepProgress.report("starting it")
        try await context.runAsRoot(
            GuestScript.startCluster.text("\(plan.version)", needsRestart ? "restart" : "reload"),
            timeout: .seconds(600))

        StepProgress.report("making roles and databases")
        let setup = try passwords.setupScript(for: context.spec, version: plan.version)
        try await context.guest.check(
            "sudo -n -u postgres \(plan.layout.psql) --no-psqlrc --quiet --dbname=postgres --file=-", input: setup.withRevealed { Array($0.utf8) },
            timeout: .seconds(300))

        // Debian's unit ignores a failed start: only a client's commit says that the server is ready.
        guard try await CommitProbe.roundTrip({ try await context.connect() }) else {
            throw Failure(.commitLost, "a committed row did not come back over a second connection", remedy: "pgkvm logs \(context.spec.name)")
        }
        try await context.runAsRoot(GuestScript.introduceCluster.text("\(plan.version)"))
        let end = try CertificateExpiry.notAfter(pem: certificate.certificatePEM)
        try await context.journal.forget(VerifiedFact.self)
        try await context.journal.record(
            ConfigurationFact(
                digest: plan.digest, certificateEnd: Int64(end.timeIntervalSince1970), place: plan.content.filtersPackets ? plan.content.place : nil))
    }

    /// Makes the data directory.
    static func initialization(_ context: DeploymentContext) async throws -> RemoteUnit {
        let version = try await context.postgresqlVersion()
        return RemoteUnit(
            purpose: "cluster", script: GuestScript.initializeCluster.text("\(version)", context.spec.postgresql.locale, context.spec.postgresql.timeZone))
    }

    /// Nothing: a database is never undone. Reverting `create-machine` removes the whole disk when this run made it.
    func revert(_ context: DeploymentContext) async throws {}
}

extension Failure.Code {
    /// The server took a commit and does not have the row.
    package static let commitLost = Failure.Code("postgres.commit-lost")
}

extension RunOutcome {
    /// The time until a client had committed a row and read it back; nil when this run did not come to that.
    package var firstCommit: Duration? {
        guard performed.contains(ConfigurePostgreSQLStep.id), let last = durations.firstIndex(where: { $0.step == ConfigurePostgreSQLStep.id }) else {
            return nil
        }
        return durations[...last].reduce(.zero) { $0 + $1.duration }
    }
}

internal import ApplianceModel
package import Basics
internal import BuiltinTemplates
internal import FoundationEssentials
internal import HostSystem
internal import PostgresClient
internal import PostgresServer
internal import SecureShell
internal import Verification
package import Workflow

/// Sets up the cluster on the data disk, its files, roles and databases. The step is done when a client has committed a row and read it back.
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
        guard let fact = try await context.journal.fact(ConfigurationFact.self), Files.exists(context.directory.caKey),
            try await context.journal.fact(ChangeFact.self)?.isApplied != true
        else { return .pending }
        let plan = try await ServerPlan(context)
        guard fact.digest == plan.digest, CertificateDays.left(until: fact.certificateEnd) > CertificateDays.reissueBelow else { return .pending }
        guard try await StoredPasswords.isCurrent(context, hosts: plan.content.hosts) else { return .pending }
        do {
            try await context.connect().close()
        } catch is Failure {
            return .pending
        }
        return .satisfied("PostgreSQL \(plan.version) answers over libpq")
    }

    func perform(_ context: DeploymentContext) async throws {
        let known = try await context.journal.fact(ConfigurationFact.self)
        let isFirst = known == nil
        // A server that is still recovering would have to begin again.
        if !isFirst {
            var wait = ServerWait(context, signs: SignsOfLife())
            try await wait.untilSettled()
        }
        let restarts = isFirst ? true : try await judged(context)
        let plan = try await ServerPlan(context)
        try plan.authority.save(to: context.directory)
        let passwords = try await StoredPasswords.prepare(context, hosts: plan.content.hosts)
        if isFirst {
            StepProgress.report("making the cluster")
            try await context.runUnit(Self.initialization(context))
        }

        StepProgress.report(restarts ? "writing its files and starting it" : "writing its files and reloading them")
        let certificate = try plan.certificate()
        try await context.journal.forget(VerifiedFact.self)
        if !isFirst {
            // If a change was interrupted, the state before it counts.
            let cutOff = try await context.journal.fact(ChangeFact.self).flatMap { $0.isApplied ? $0 : nil }
            try await context.journal.record(
                ChangeFact(isApplied: true, isByRestart: restarts, reason: nil, former: cutOff?.former ?? known, made: cutOff?.made))
        }
        try await WaitingTime.measure {
            try await ServerChange.apply(plan, certificate: certificate, isFirst: isFirst, restarts: restarts, on: context.guest)
        }

        StepProgress.report("making roles and databases")
        try await ServerSetup(context: context, plan: plan).run(passwords)

        // Debian's unit ignores a failed start: only a client's commit proves that the server is ready.
        guard try await CommitProbe.roundTrip({ try await context.connect() }) else {
            throw Failure(.commitLost, "a committed row did not come back over a second connection", remedy: "pgkvm logs \(context.spec.name)")
        }
        try await context.runAsRoot(GuestScript.introduceCluster.text("\(plan.version)"))
        try await context.journal.record(
            ResolvedSettingsFact(values: try await SettingsChecks.resolved(plan.settings, context.guest, version: plan.version)))
        let end = try CertificateExpiry.notAfter(pem: certificate.certificatePEM)
        try await context.journal.record(
            ConfigurationFact(
                digest: plan.digest, certificateEnd: Int64(saturating: end.timeIntervalSince1970), place: plan.content.filtersPackets ? plan.content.place : nil
            ))
    }

    /// Asks the server before anything is in force.
    /// - Returns: whether the server has to be restarted.
    /// - Throws: `spec.refused`, `server.edited`, `appliance.restart-needed`: nothing has changed then.
    private func judged(_ context: DeploymentContext) async throws -> Bool {
        let judgement = try await context.judgement()
        guard judgement.faults.isEmpty else { throw context.refusal(judgement.faults) }
        try await context.leave.toOverwrite(judgement.addedByHand, of: context.spec.name)
        guard judgement.isRunning else { return true }
        guard !judgement.waitingForRestart.isEmpty else { return false }
        // A machine that this run has started, for example for another size, has no clients yet that a restart would disturb.
        if !context.judgements.hasStarted {
            try await context.leave.toRestart(for: judgement.waitingForRestart.map(PlannedChange.waiting), of: context.spec.name)
        }
        return true
    }

    /// Creates the data directory.
    static func initialization(_ context: DeploymentContext) async throws -> RemoteUnit {
        let version = try await context.postgresqlVersion()
        return RemoteUnit(
            purpose: "cluster", script: GuestScript.initializeCluster.text("\(version)", context.spec.postgresql.locale, context.spec.postgresql.timeZone))
    }

    /// Does nothing: a database is never undone. Reverting `create-machine` removes the whole disk if this run created it.
    func revert(_ context: DeploymentContext) async throws {}
}

extension Failure.Code {
    /// The server accepted a commit and does not have the row.
    package static let commitLost = Failure.Code("postgres.commit-lost")
}

extension RunOutcome {
    /// The time until a client had committed a row and read it back; nil if this run did not get that far.
    package var firstCommit: Duration? {
        guard performed.contains(ConfigurePostgreSQLStep.id), let last = durations.firstIndex(where: { $0.step == ConfigurePostgreSQLStep.id }) else {
            return nil
        }
        return durations[...last].reduce(.zero) { $0 + $1.duration }
    }
}

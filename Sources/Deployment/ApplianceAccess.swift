internal import ApplianceModel
package import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import PostgresClient
package import PostgresServer
internal import Quoting
package import Reports
internal import SecureShell
internal import SystemPackage
package import Verification
internal import Workflow

extension DeploymentContext {
    /// The parameters with which the role `pgkvm` connects. They verify everything that a careful client verifies.
    func connectionParameters() async throws -> PostgresParameters {
        guard let password = try StoredPasswords.read(directory)[DatabaseSetup.ownName] else {
            throw Failure(.noPassword, "'\(directory.passwords)' holds no password of the role '\(DatabaseSetup.ownName)'", remedy: "pgkvm deploy \(spec.name)")
        }
        let endpoint = try await postgresqlEndpoint()
        return PostgresParameters(
            host: spec.name.rawValue, hostAddress: endpoint.host, port: endpoint.port, database: DatabaseSetup.ownName,
            user: DatabaseSetup.ownName, password: password, sslMode: .verifyFull,
            rootCertificatePath: directory.caCertificate.string, channelBinding: .require, connectTimeout: .seconds(30),
            serverVersion: try await postgresqlVersion())
    }

    /// Connects as the role `pgkvm`.
    func connect() async throws -> PostgresConnection {
        let parameters = try await connectionParameters()
        return try await WaitingTime.measure {
            try await DebugLog.telling(.debug, "libpq connection to \(parameters.hostAddress ?? parameters.host):\(parameters.port)") {
                try await PostgresConnection.open(parameters)
            }
        }
    }

    /// Runs the checks and stores the report. The spec's limits apply too, unless the options set another limit for the same figure.
    /// - Parameter timed: called with the time that the measurements of a group took.
    func verify(
        _ options: VerificationOptions, progress: @escaping @Sendable (String) -> Void,
        timed: @Sendable (GroupName, Duration) -> Void = { _, _ in }
    ) async throws -> Report {
        var options = options
        let own = Set(options.limits.map(\.metric))
        options.limits += try spec.verification.limits.filter { !own.contains($0.key) }.sorted { $0.key < $1.key }.map {
            try MetricLimit(metric: $0.key, text: $0.value)
        }
        let plan = try await ServerPlan(self)
        let end = try await journal.fact(ConfigurationFact.self)?.certificateEnd
        let accelerator = try await require(CPUFact.self).decision.accelerator
        let target = VerificationTarget(
            spec: spec, accelerator: accelerator, postgresqlVersion: plan.version, shell: guest, backend: backend, machine: try await machine(),
            connect: { try await self.connect() }, parameters: { try await self.connectionParameters() },
            restart: {
                // The connection belongs to the previous run of the machine, and would be mistaken for a sign of life.
                await self.guest.close()
                try await self.startAndWait()
            },
            settings: plan.settings, resolvedSettings: try await journal.fact(ResolvedSettingsFact.self)?.values ?? [:],
            accessFile: plan.files.first { $0.path == plan.layout.accessFile }.map { String(decoding: $0.content, as: UTF8.self) },
            certificateDaysLeft: end.map { CertificateDays.left(until: $0) },
            packetFilter: plan.files.first { $0.path == PacketFilter.path }.map { String(decoding: $0.content, as: UTF8.self) },
            reservesHugePages: HugePages.areReserved(plan.settings, version: plan.version), measurementLock: directory.measurementLock)
        var (findings, measurements) = try await Verifier.run(target, options, progress: progress, timed: timed)
        if options.groups.contains(.postgresql) { findings.append(SizeRules.finding(spec, version: plan.version)) }
        let report = Report(
            appliance: spec.name.rawValue, time: Date.now.ISO8601Format(), accelerator: accelerator, depth: options.depth, findings: findings,
            measurements: measurements)
        try ReportStore.store(report, in: directory)
        return report
    }
}

/// Which log to show.
package enum LogSource: Sendable {
    case postgresql, serial, process
    /// pgkvm's own debug log.
    case tool
}

extension Appliance {
    /// Runs the checks and stores the report.
    /// - Parameter timed: called with the time that the measurements of a group took.
    package func verify(
        _ options: VerificationOptions, progress: @escaping @Sendable (String) -> Void,
        timed: @Sendable (GroupName, Duration) -> Void = { _, _ in }
    ) async throws -> Report {
        let report = try await context.verify(options, progress: progress, timed: timed)
        await context.guest.close()
        return report
    }

    /// How to connect, without the password.
    /// - Throws: `input.invalid` for a database or role that the spec does not have.
    package func connectionText(_ form: ConnectionText.Form, database: String?, role: String?) async throws -> String {
        try await connectionText(database: database, role: role).render(form)
    }

    /// The connection text for psql. It keeps psql from using anything else in the user's files.
    /// - Throws: `input.invalid` for a database or role that the spec does not have.
    package func psqlTarget(database: String?, role: String?) async throws -> String {
        try await connectionText(database: database, role: role).libpqAlone
    }

    private func connectionText(database: String?, role: String?) async throws -> ConnectionText {
        let postgresql = context.spec.postgresql
        let own = DatabaseSetup.ownName
        let name = database ?? postgresql.databases.first?.name ?? own
        guard let chosen = postgresql.databases.first(where: { $0.name == name }) ?? (name == own ? ApplianceSpec.Database(name: own, owner: own) : nil)
        else {
            throw Failure(
                .invalidInput, "'\(self.name)' has no database '\(name)'", remedy: "choose one of: \(postgresql.databases.map(\.name).joined(separator: ", "))")
        }
        let user = role ?? chosen.owner
        guard DatabaseSetup.loginRoles(context.spec).contains(user) else {
            throw Failure(
                .invalidInput, "'\(self.name)' has no role '\(user)'", remedy: "choose one of: \(postgresql.roles.map(\.name).joined(separator: ", "))")
        }
        try await requireDatabase()
        let endpoint = try await context.postgresqlEndpoint()
        return try ConnectionText(
            name: self.name.rawValue, address: endpoint.host, port: endpoint.port, database: name, user: user,
            rootCertificate: directory.caCertificate.string, passwordFile: directory.passwords.string, socketDirectory: directory.socket.string)
    }

    /// - Throws: `appliance.incomplete` before the first configuration of the server.
    func requireDatabase() async throws {
        guard try await context.journal.fact(ConfigurationFact.self) != nil else {
            throw Failure(.applianceIncomplete, "'\(name)' has no database yet", remedy: "pgkvm deploy \(ShellWord.quoted(directory.spec.string))")
        }
    }

    /// The most bytes of a log to read. The log itself has no reliable size limit.
    private static let logLimit = 8 << 20

    /// The last lines of a log, without the newline at its end. Clients and the guest write to it, so it need not be UTF-8.
    package func log(_ source: LogSource, lines: Int) async throws -> [UInt8] {
        let text: [UInt8]
        switch source {
        case .postgresql:
            let result = try await context.guest.check(
                "sudo -n sh -c 'tail -q -n '\(lines)' $(ls -1t /var/log/postgresql/*.log | head -n 1)'", timeout: .seconds(60))
            await context.guest.close()
            text = result.standardOutput
        case .serial:
            guard let machine = try await machine() else { return [] }
            guard let log = context.backend.capabilities.serialLog?.serialLog(of: machine) else {
                throw Failure(
                    .unsupported, "what the guest of '\(self.name)' prints is in no file that this user may read here",
                    remedy: "'pgkvm console \(self.name)' tells where its console is; libvirt's system daemon keeps the log for root of its host")
            }
            text = Array(ConsoleWatch.plain(try Files.readEnd(log, bytes: Self.logLimit) ?? []).utf8)
        case .process:
            guard let machine = try await machine(), let log = context.backend.capabilities.process?.processLog(of: machine) else { return [] }
            text = Array(ConsoleWatch.plain(try Files.readEnd(log, bytes: Self.logLimit) ?? []).utf8)
        case .tool:
            text = try [DebugLog.former(directory.debugLog), directory.debugLog].flatMap { try Files.readEnd($0, bytes: Self.logLimit) ?? [] }
        }
        let newline = UInt8(ascii: "\n")
        let ended = text.last == newline ? text.dropLast() : text[...]
        return Array(ended.split(separator: newline, omittingEmptySubsequences: false).suffix(lines).joined(separator: [newline]))
    }
}

extension ConnectionText {
    /// The purpose of the text.
    package enum Form: String, Sendable, CaseIterable {
        case uri, libpq, env, service, jdbc, socket
        case rustPostgres = "rust-postgres"
    }

    func render(_ form: Form) throws -> String {
        switch form {
        case .uri: uri
        case .libpq: libpq
        case .env: environment
        case .service: try service()
        case .jdbc: jdbc
        case .socket: socket
        case .rustPostgres: rustPostgres
        }
    }
}

extension Failure.Code {
    package static let noPassword = Failure.Code("postgres.no-password")
    package static let applianceIncomplete = Failure.Code("appliance.incomplete")
}

internal import ApplianceModel
package import Basics
internal import HostSystem
internal import PostgresClient
internal import PostgresServer
internal import Quoting
internal import SecureShell
internal import Synchronization
internal import Verification
internal import Workflow

/// Sets up roles, databases and extensions in the guest's server: either everything that the spec asks for is made, or nothing changes.
struct ServerSetup {
    let context: DeploymentContext
    let plan: ServerPlan

    /// The name that identifies the session among the server's sessions.
    static let applicationName = "pgkvm setup"
    /// The time limit for making all of them; after that the server ends the statement.
    private static let limit = Duration.seconds(300)

    /// - Throws: `server.setup-failed` with the server's message and what a statement waited for; everything that this run made is removed again.
    func run(_ passwords: StoredPasswords) async throws {
        let present = try await PresentServer.ask(context.guest, version: plan.version)
        let missing = try await DatabaseParts.missing(context.spec, present: present, context.guest, version: plan.version)
        if var change = try await context.journal.fact(ChangeFact.self), !missing.isEmpty {
            change.made = (change.made ?? []) + [missing]
            try await context.journal.record(change)
        }
        let script = try passwords.setupScript(for: context.spec, version: plan.version).withRevealed { $0 }
        let waits = WaitReports(context: context, applicationName: Self.applicationName)
        do {
            let result = try await waits.telling {
                try await context.guest.runSQL(
                    SQLText(script: script), version: plan.version, searchPath: "public", limit: Self.limit, statement: Self.limit - .seconds(30),
                    applicationName: Self.applicationName)
            }
            guard result.status == 0 else { throw failure(result, waits.last) }
        } catch {
            let left = (try? await missing.remove(context.guest, version: plan.version)) ?? ["what was made of them"]
            if !left.isEmpty { StepProgress.report("could not be taken away again: \(left.joined(separator: ", "))") }
            throw error
        }
    }

    private func failure(_ result: ShellResult, _ wait: String?) -> Failure {
        let words = result.errorText.split(whereSeparator: \.isNewline).prefix(6).joined(separator: "\n    ")
        return Failure(
            .setupFailed, "the server of '\(context.spec.name)' refused to make roles or databases: \(words)" + (wait.map { "\n    it waited: \($0)" } ?? ""),
            remedy: "pgkvm logs \(context.spec.name)")
    }
}

/// Reports what pgkvm's session waits for, if it waits.
final class WaitReports: Sendable {
    /// How long a session may take before the server is asked what it waits for.
    private static let patience = Duration.seconds(10)

    private let context: DeploymentContext
    private let applicationName: String
    private let told = Told()

    init(context: DeploymentContext, applicationName: String) {
        self.context = context
        self.applicationName = applicationName
    }

    /// What the session last waited for; nil if it did not wait.
    var last: String? { told.text }

    func telling<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await WaitingTime.measure { try await body() } }
            group.addTask { [self] in
                while !Task.isCancelled {
                    try await ContinuousClock().sleep(for: Self.patience)
                    await look()
                }
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else { throw CancellationError() }
            return value
        }
    }

    /// If the server cannot be asked now, nothing is reported.
    private func look() async {
        guard let connection = try? await context.connect() else { return }
        let rows = try? await connection.query(Self.question, [applicationName], timeout: .seconds(10))
        await connection.close()
        guard let row = rows?.first, let wait = row["wait"] else { return }
        let text = "the server waits for \(wait)" + (row["blockers"].map { ", held by \($0)" } ?? "")
        told.text = text
        StepProgress.report(SpecRules.escaped(text, limit: 400))
    }

    private static let question: SQLText = """
        SELECT CASE a.wait_event WHEN 'SyncRep' THEN 'a synchronous standby' ELSE a.wait_event_type || ' ' || a.wait_event END AS wait,
            (SELECT string_agg(format('process %s (%s, %s%s)', b.pid, coalesce(b.usename, 'the server itself'), coalesce(b.state, 'at work'),
                coalesce(', ' || nullif(left(b.query, 60), ''), '')), '; ')
             FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(a.pid))) AS blockers
        FROM pg_stat_activity a
        WHERE a.application_name = $1 AND a.wait_event_type IN ('Lock', 'IPC', 'LWLock') ORDER BY a.backend_start LIMIT 1
        """
}

private final class Told: Sendable {
    private let value = Mutex<String?>(nil)
    var text: String? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

extension Failure.Code {
    /// The server refused to make roles, databases or extensions.
    package static let setupFailed = Failure.Code("server.setup-failed")
}

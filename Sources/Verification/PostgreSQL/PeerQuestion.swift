internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import PostgresClient
package import Quoting
package import SecureShell

extension RemoteShell {
    /// Runs SQL in the guest as the server's superuser: over SSH as `postgres`, with peer authentication. The session does not use the server's
    /// configuration for the settings in `SessionDefaults`. At the time limit it ends, in the guest too.
    /// - Parameters:
    ///   - version: the server's major version.
    ///   - database: any name; it is never read as a connection string.
    ///   - limit: in whole seconds, at least 1.
    ///   - statement: how long one statement may take; nil allows the whole limit.
    ///   - leaving: settings of `SessionDefaults` that the session takes from the server.
    /// - Returns: psql's result: status 2 means that no session could be opened, 3 that a statement failed.
    /// - Throws: the errors of `run`.
    package func runSQL(
        _ sql: SQLText, version: Int, database: String = "postgres", searchPath: String = "pg_catalog", limit: Duration = .seconds(60),
        statement: Duration? = nil, applicationName: String = "pgkvm", leaving: Set<String> = []
    ) async throws -> ShellResult {
        let command = Self.sqlCommand(
            version: version, database: database, searchPath: searchPath, limit: limit, statement: statement, applicationName: applicationName, leaving: leaving
        )
        return try await run(command, input: Array(sql.text.utf8), timeout: limit + .seconds(30))
    }

    /// The command that reads SQL from its standard input.
    package static func sqlCommand(
        version: Int, database: String = "postgres", searchPath: String = "pg_catalog", limit: Duration = .seconds(60), statement: Duration? = nil,
        applicationName: String = "pgkvm", leaving: Set<String> = []
    ) -> ShellCommand {
        var settings = SessionDefaults.settings(version: version, searchPath: searchPath).filter { !leaving.contains($0.key) }
        let limitSeconds = max(1, limit.components.seconds)
        settings["statement_timeout"] = "\(max(1, (statement ?? limit).components.seconds))s"
        let options = SessionDefaults.options(settings)
        // If a bare name looks like a connection string, psql would take it for one.
        return """
            sudo -n -u postgres env PGOPTIONS=\(options) PGAPPNAME=\(applicationName) timeout --signal=INT --kill-after=5 \(limitSeconds) \
            /usr/lib/postgresql/\(version)/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /var/run/postgresql -p 5432 -d \(ConninfoText(dbname: database))
            """
    }

    /// The settings of `SessionDefaults` that a query takes from the server: it commits nothing, and may ask what other sessions' commits guarantee.
    static var leftToServer: Set<String> { ["synchronous_commit"] }

    /// Asks the server for what only its superuser may read.
    /// - Parameter sql: one statement that returns one JSON value; names in it are the keys of `Answer`.
    /// - Throws: `ssh.command-failed` with psql's message, the errors of `run`, and `DecodingError` for an answer of another shape.
    package func askServer<Answer: Decodable>(
        _ sql: SQLText, version: Int, database: String = "postgres", as type: Answer.Type = Answer.self
    ) async throws -> Answer {
        let result = try await runSQL(sql, version: version, database: database, leaving: Self.leftToServer)
        guard result.status == 0 else { throw Failure(.sshCommandFailed, "psql ended in the guest with status \(result.status): \(result.errorText)") }
        return try JSONDecoder().decode(Answer.self, from: Data(result.standardOutput))
    }
}

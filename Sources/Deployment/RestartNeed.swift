internal import ApplianceModel
internal import PostgresClient
internal import PostgresServer

/// Asks the running server whether the planned settings need its restart.
enum RestartNeed {
    /// Whether a setting that is read only when the server starts has another value than planned, or one from a file of ours that is planned no
    /// more. True also when the server cannot be asked. What an administrator set by ALTER SYSTEM is not ours.
    static func isThere(_ context: DeploymentContext, planned: [String: String]) async -> Bool {
        do {
            let connection = try await context.connect()
            let rows = try await connection.query(
                """
                SELECT name, setting, unit, vartype, coalesce(sourcefile LIKE '%/conf.d/%', false) AS ours FROM pg_settings
                WHERE context = 'postmaster' AND coalesce(sourcefile NOT LIKE '%/postgresql.auto.conf', true)
                """)
            await connection.close()
            return try rows.contains { row in
                guard let asked = try planned[row.text("name")] else { return try row.bool("ours") }
                return try !SettingValue.isInForce(asked: asked, setting: row.text("setting"), unit: row["unit"], kind: row.text("vartype"))
            }
        } catch {
            return true
        }
    }
}

internal import PostgresClient

/// A row that is committed and looked for again; its table is pgkvm's own and holds the last row only.
enum CommitProbe {
    /// Commits a row with a fresh token.
    /// - Returns: the token.
    static func write(_ connection: PostgresConnection) async throws -> String {
        let token = String(UInt64.random(in: 0 ... .max), radix: 16)
        try await connection.execute(
            "CREATE TABLE IF NOT EXISTS commit_probe (id int PRIMARY KEY, token text NOT NULL, at timestamptz NOT NULL DEFAULT now())")
        try await connection.execute(
            "INSERT INTO commit_probe (id, token) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET token = excluded.token, at = now()", [token])
        return token
    }

    /// The same over a connection of its own.
    static func write(_ target: VerificationTarget) async throws -> String { try await connected(target, write) }

    /// The token that the server has now, asked over a connection of its own; nil when there is none.
    static func read(_ target: VerificationTarget) async throws -> String? {
        try await connected(target) { try await $0.query("SELECT token FROM commit_probe WHERE id = 1").first?["token"] }
    }

    private static func connected<Value: Sendable>(
        _ target: VerificationTarget, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await target.connect()
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }
}

package import PostgresClient
internal import Quoting

/// Commits a row and reads it back. Its table is pgkvm's own and holds only the last row.
package enum CommitProbe {
    /// Commits a row over one connection and reads it over another.
    /// - Parameter connect: opens a connection as the role `pgkvm` to its own database.
    /// - Returns: whether the row came back.
    /// - Throws: the errors of connecting and querying.
    package static func roundTrip(_ connect: @Sendable () async throws -> PostgresConnection) async throws -> Bool {
        let token = try await connected(connect, write)
        return try await connected(connect, read) == token
    }

    /// Commits a row with a fresh token.
    /// - Returns: the token.
    static func write(_ connection: PostgresConnection) async throws -> String {
        let token = String(UInt64.random(in: 0 ... .max), radix: 16)
        try await connection.execute(
            "CREATE TABLE IF NOT EXISTS public.commit_probe (id int PRIMARY KEY, token text NOT NULL, at timestamptz NOT NULL DEFAULT now())")
        try await connection.execute(
            "INSERT INTO public.commit_probe (id, token) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET token = excluded.token, at = now()", [token])
        return token
    }

    /// Does the same over its own connection, with the same flush as for other sessions' commits; it only does not wait for a standby.
    static func write(_ target: VerificationTarget) async throws -> String {
        var parameters = try await target.parameters()
        parameters.leaving = ["synchronous_commit"]
        let asOthers = parameters
        return try await connected({ try await PostgresConnection.open(asOthers) }) { connection in
            try await connection.execute(
                "SELECT set_config('synchronous_commit', 'local', false) WHERE current_setting('synchronous_commit') <> 'off'")
            return try await write(connection)
        }
    }

    /// The server's current token, read over its own connection; nil if there is none.
    static func read(_ target: VerificationTarget) async throws -> String? {
        try await connected(target.connect, read)
    }

    private static func read(_ connection: PostgresConnection) async throws -> String? {
        try await connection.query("SELECT token FROM public.commit_probe WHERE id = 1").first?["token"]
    }

    private static func connected<Value: Sendable>(
        _ connect: @Sendable () async throws -> PostgresConnection, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await connect()
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

internal import ApplianceModel
internal import PostgresClient
internal import Quoting
internal import SecureShell

/// Access to the WAL stream: open for the spec's replicating roles, shut for all others.
enum ReplicationDoors {
    /// Empty if no role of the spec is to replicate: the attempt of the role 'pgkvm' is enough then.
    static func doors(of roles: [ApplianceSpec.Role]) -> [Door] {
        let replicating = roles.filter(\.replication)
        guard !replicating.isEmpty else { return [] }
        // A few roles are enough to show that the lines name roles, and limit the attempts that the server logs.
        let others = roles.filter { !$0.replication }.prefix(5)
        // If the server asks for a password, a line of pg_hba.conf lets the role in.
        return replicating.map { door($0.name, .server("28P01")) } + others.map { door($0.name, .server("28000")) }
    }

    private static func door(_ role: String, _ refusal: Door.Refusal) -> Door {
        Door("replication as \(role)", refusal) {
            $0.isReplication = true
            $0.user = role
            $0.password = DoorChecks.randomPassword()
        }
    }

    struct Server: Decodable {
        /// The login roles that may replicate.
        let replicating: [String]
        /// How many may replicate at once.
        let senders: Int
    }

    static let query: SQLText = """
        SELECT json_build_object(
            'replicating', (SELECT coalesce(json_agg(rolname), '[]') FROM pg_roles WHERE rolcanlogin AND (rolreplication OR rolsuper)),
            'senders', current_setting('max_wal_senders')::integer);
        """

    /// What keeps a role from replicating although the access is open, one fragment each.
    static func obstacles(for roles: [ApplianceSpec.Role], _ shell: any RemoteShell, version: Int) async throws -> [String] {
        let wanted = roles.filter(\.replication).map(\.name)
        return wanted.isEmpty ? [] : obstacles(for: wanted, try await shell.askServer(query, version: version, as: Server.self))
    }

    /// The rules, separate from the query.
    static func obstacles(for wanted: [String], _ server: Server) -> [String] {
        let able = Set(server.replicating.map { ByteName($0) })
        return wanted.filter { !able.contains(ByteName($0)) }.map { "role \($0): does not have the attribute REPLICATION" }
            + (server.senders > 0 ? [] : ["max_wal_senders is 0: replication is off"])
    }
}

internal import Basics
internal import FoundationEssentials
internal import Quoting
internal import SecureShell
internal import Verification

/// The current state of the running server, as far as a change needs it.
struct PresentServer: Decodable, Equatable {
    struct Setting: Decodable, Equatable {
        /// In lower case.
        let name: String
        /// In the server's own unit.
        let value: String
    }
    struct Slot: Decodable, Equatable {
        let name: String
        let isLogical: Bool
    }
    struct Database: Decodable, Equatable {
        let name: String
        let owner: String
    }
    struct Membership: Codable, Equatable {
        let role: String
        let group: String
    }

    /// The settings that the server reads only when it starts.
    let startSettings: [Setting]
    let preparedTransactions: Int
    let slots: [Slot]
    /// The `application_name` of each streaming standby.
    let standbys: [String]
    let roles: [String]
    let databases: [Database]
    let memberships: [Membership]

    /// Reads at most as many names as a spec may have.
    private static let query: SQLText = """
        SELECT json_build_object(
            'startSettings', (SELECT json_agg(json_build_object('name', lower(name), 'value', setting)) FROM pg_settings WHERE context = 'postmaster'),
            'preparedTransactions', (SELECT count(*) FROM pg_prepared_xacts),
            'slots', (SELECT coalesce(json_agg(json_build_object('name', slot_name, 'isLogical', slot_type = 'logical')), '[]') FROM pg_replication_slots),
            'standbys', (SELECT coalesce(json_agg(application_name), '[]') FROM pg_stat_replication WHERE state = 'streaming'),
            'roles', (SELECT coalesce(json_agg(rolname), '[]') FROM (SELECT rolname FROM pg_roles ORDER BY oid LIMIT 50000) r),
            'databases', (SELECT coalesce(json_agg(json_build_object('name', datname, 'owner', pg_get_userbyid(datdba))), '[]')
                          FROM (SELECT datname, datdba FROM pg_database WHERE NOT datistemplate ORDER BY oid LIMIT 50000) d),
            'memberships', (SELECT coalesce(json_agg(json_build_object('role', pg_get_userbyid(member), 'group', pg_get_userbyid(roleid))), '[]')
                            FROM (SELECT DISTINCT member, roleid FROM pg_auth_members LIMIT 100000) m));
        """

    /// Asks the server; nil if none runs.
    /// - Throws: `ssh.command-failed` if the server refuses the query, and the errors of `run`.
    static func ask(_ shell: any RemoteShell, version: Int) async throws -> PresentServer? {
        let result = try await shell.runSQL(query, version: version)
        if result.status == noSession { return nil }
        guard result.status == 0 else {
            guard result.errorText.firstRange(of: "canceling statement") == nil else {
                throw Failure(
                    .timedOut, "the server in the guest did not answer within a minute: a session may hold locks on its catalogues; nothing was changed",
                    remedy: "look for it in the guest: SELECT pid, state, query FROM pg_stat_activity")
            }
            throw Failure(.sshCommandFailed, "the server in the guest refuses a question: \(result.errorText)", remedy: "pgkvm logs")
        }
        return try JSONDecoder().decode(PresentServer.self, from: Data(result.standardOutput))
    }

    /// The exit status of psql if it could not open a session.
    private static let noSession: Int32 = 2

    /// The extensions in a database; empty if it cannot be queried.
    static func extensions(of database: String, _ shell: any RemoteShell, version: Int) async throws -> Set<String> {
        let result = try await shell.runSQL(
            "SELECT coalesce(json_agg(extname), '[]') FROM pg_extension", version: version, database: database)
        guard result.status == 0 else { return [] }
        return Set(try JSONDecoder().decode([String].self, from: Data(result.standardOutput)))
    }
}

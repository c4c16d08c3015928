internal import ApplianceModel
internal import PostgresClient
internal import Quoting
internal import Reports

/// Whether a remote client could become superuser.
enum SuperuserChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.superuser") { run, _ in
        let roles = try await run.target.shell.askServer(query, version: run.target.postgresqlVersion, as: Roles.self)
        let good = try await run.target.parameters()
        var report = DoorReport()
        // A few roles are enough to see whether the door is open, and limit the attempts that the server logs.
        for door in roles.superusers.prefix(10).map(door) { report.add(door, try await door.attempt(good)) }
        return [judge(roles, report)]
    }

    struct Roles: Decodable {
        /// Superusers that may log in.
        let superusers: [String]
        /// Login roles that may become a superuser with SET ROLE.
        let members: [String]
        /// Login roles that may run programs or write files as the server's user, which amounts to the same.
        let executors: [String]
    }

    static let query: SQLText = """
        SELECT json_build_object(
            'superusers', (SELECT coalesce(json_agg(rolname ORDER BY rolname), '[]') FROM pg_roles WHERE rolsuper AND rolcanlogin),
            'members', (SELECT coalesce(json_agg(rolname ORDER BY rolname), '[]') FROM pg_roles r WHERE rolcanlogin AND NOT rolsuper
                        AND EXISTS (SELECT FROM pg_roles s WHERE s.rolsuper AND pg_has_role(r.oid, s.oid, 'MEMBER'))),
            'executors', (SELECT coalesce(json_agg(rolname ORDER BY rolname), '[]') FROM pg_roles WHERE rolcanlogin AND NOT rolsuper
                          AND (pg_has_role(oid, 'pg_execute_server_program', 'MEMBER') OR pg_has_role(oid, 'pg_write_server_files', 'MEMBER'))));
        """

    /// The server must refuse the role before it asks for a password: a password could be guessed.
    static func door(_ role: String) -> Door {
        Door("superuser \(role)", .server("28000")) {
            $0.user = role
            $0.database = "postgres"
            $0.password = DoorChecks.randomPassword()
        }
    }

    /// The rules, separate from query and attempts.
    static func judge(_ roles: Roles, _ report: DoorReport) -> Finding {
        let expected = "every superuser refused by pg_hba.conf, and no other role that can become one"
        let finding = report.finding(
            check: "postgresql.superuser", others: roles.members.map { "role \($0) may become a superuser" }, expected: expected,
            remedy: "take the attribute or the membership from the role, or reject it in pg_hba.conf")
        guard finding.level == .pass, !roles.executors.isEmpty else { return finding }
        let names = roles.executors.joined(separator: ", ")
        return Finding(
            check: "postgresql.superuser", level: .warn, measured: "\(finding.measured); \(names) may run programs or write files as the server's user",
            expected: expected, remedy: "leave pg_execute_server_program and pg_write_server_files to roles that do not log in")
    }
}

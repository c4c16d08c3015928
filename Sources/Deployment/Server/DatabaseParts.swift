internal import ApplianceModel
internal import PostgresServer
internal import Quoting
internal import SecureShell
internal import Verification

/// Roles, databases and extensions that a spec asks for and the server does not have. A change makes them, and removes them again if the rest of the
/// change fails.
struct DatabaseParts: Codable, Equatable {
    struct Extension: Codable, Equatable {
        let name: String
        let database: String
        /// The key of the spec.
        let path: String
    }

    /// In the order of the spec.
    let roles: [String]
    let databases: [String]
    let extensions: [Extension]
    let memberships: [PresentServer.Membership]

    var isEmpty: Bool { roles.isEmpty && databases.isEmpty && extensions.isEmpty && memberships.isEmpty }

    /// - Parameters:
    ///   - present: the running server; nil means that it has nothing.
    ///   - made: the extensions in each existing database.
    init(missingFor server: ApplianceSpec.PostgreSQL, in present: PresentServer?, made: [String: Set<String>]) {
        let roles = Set((present?.roles ?? []).map(Key.init))
        let databases = Set((present?.databases ?? []).map { Key($0.name) })
        let memberships = Set((present?.memberships ?? []).map { [Key($0.role), Key($0.group)] })
        self.roles = server.roles.map(\.name).filter { !roles.contains(Key($0)) }
        self.databases = server.databases.map(\.name).filter { !databases.contains(Key($0)) }
        extensions = server.databases.enumerated().flatMap { index, database in
            database.extensions.enumerated().filter { made[database.name]?.contains($0.element) != true }.map {
                Extension(name: $0.element, database: database.name, path: "postgresql.databases[\(index)].extensions[\($0.offset)]")
            }
        }
        self.memberships = server.roles.flatMap { role in
            role.memberOf.filter { !memberships.contains([Key(role.name), Key($0)]) }.map { PresentServer.Membership(role: role.name, group: $0) }
        }
    }

    /// What is missing in the guest's server now.
    static func missing(_ spec: ApplianceSpec, present: PresentServer?, _ shell: any RemoteShell, version: Int) async throws -> DatabaseParts {
        var made: [String: Set<String>] = [:]
        let there = Set((present?.databases ?? []).map { Key($0.name) })
        for database in spec.postgresql.databases where !database.extensions.isEmpty && there.contains(Key(database.name)) {
            made[database.name] = try await PresentServer.extensions(of: database.name, shell, version: version)
        }
        return DatabaseParts(missingFor: spec.postgresql, in: present, made: made)
    }

    /// Removes what was made of these parts. Nothing that is in use is removed: a database with sessions or with a relation that belongs to no
    /// extension, a role that owns something.
    /// - Returns: what could not be removed.
    func remove(_ shell: any RemoteShell, version: Int) async throws -> [String] {
        var left: [String] = []
        func run(_ sql: SQLText, in database: String = "postgres", _ what: String) async throws {
            let result = try await shell.runSQL(sql, version: version, database: database, limit: .seconds(30))
            if result.status != 0 { left.append(what) }
        }
        for one in extensions.reversed() where !databases.contains(one.database) {
            try await run("DROP EXTENSION IF EXISTS \(SQLIdentifier(one.name))", in: one.database, "extension '\(one.name)' of '\(one.database)'")
        }
        for name in databases.reversed() {
            let found = try await shell.runSQL(Self.emptiness, version: version, database: name, limit: .seconds(30))
            // If no session can be opened, the database does not exist, or pgkvm cannot judge it.
            guard found.status == 0 else { continue }
            guard found.outputText.utf8.starts(with: "empty".utf8) else {
                left.append("database '\(name)'")
                continue
            }
            try await run("DROP DATABASE IF EXISTS \(SQLIdentifier(name))", "database '\(name)'")
        }
        for one in memberships where !roles.contains(one.role) && !roles.contains(one.group) {
            try await run("REVOKE \(SQLIdentifier(one.group)) FROM \(SQLIdentifier(one.role))", "membership of '\(one.role)' in '\(one.group)'")
        }
        for name in roles.reversed() { try await run("DROP ROLE IF EXISTS \(SQLIdentifier(name))", "role '\(name)'") }
        return left
    }

    /// Prints `empty` for a database in which no user has created a relation.
    private static let emptiness: SQLText = """
        SELECT 'empty' WHERE NOT EXISTS (
            SELECT FROM pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relnamespace <> 'pg_toast'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'));
        """

    /// A name as PostgreSQL compares it: byte by byte.
    private struct Key: Hashable {
        let bytes: [UInt8]
        init(_ text: String) { bytes = Array(text.utf8) }
    }
}

package import ApplianceModel
package import Basics
internal import Quoting

/// Roles, databases and extensions of the spec, and pgkvm's own role, as one SQL script that may be run repeatedly.
package struct DatabaseSetup: Sendable {
    /// pgkvm's own role and database, for its checks.
    package static let ownName = "pgkvm"

    package var version: Int
    package var roles: [ApplianceSpec.Role]
    package var databases: [ApplianceSpec.Database]
    /// SCRAM verifiers by role (`PasswordVerifier`); a role without one keeps its password.
    package var verifiers: [String: String]

    /// - Parameters:
    ///   - version: the major version of PostgreSQL.
    ///   - verifiers: by role, including pgkvm's own.
    package init(version: Int, roles: [ApplianceSpec.Role], databases: [ApplianceSpec.Database], verifiers: [String: String]) {
        self.version = version
        self.roles = roles
        self.databases = databases
        self.verifiers = verifiers
    }

    /// The roles that log in with a password, pgkvm's own first.
    package static func loginRoles(_ spec: ApplianceSpec) -> [String] { [ownName] + spec.postgresql.roles.map(\.name) }

    /// What is wrong with the names, one fragment each; empty if `script` can be rendered.
    package var faults: [String] {
        var faults: [String] = []
        let listed = Set(roles.map { ByteName($0.name) })
        for role in roles {
            if let fault = Self.nameFault(role.name) { faults.append("role '\(role.name)' \(fault)") }
            if Self.isReserved(role: role.name) { faults.append("role '\(role.name)' is the name of a role that PostgreSQL or pgkvm has already") }
            for group in role.memberOf {
                if group == "postgres" || group == Self.ownName { faults.append("role '\(role.name)' may not be a member of '\(group)'") }
                if !group.utf8.starts(with: "pg_".utf8), !listed.contains(ByteName(group)) {
                    faults.append("role '\(role.name)' is to be a member of '\(group)', which the spec does not list")
                }
            }
        }
        for database in databases {
            if let fault = Self.nameFault(database.name) { faults.append("database '\(database.name)' \(fault)") }
            if ["postgres", "template0", "template1", Self.ownName].contains(database.name) {
                faults.append("database '\(database.name)' is one that PostgreSQL or pgkvm has already")
            }
            if !listed.contains(ByteName(database.owner)) {
                faults.append("database '\(database.name)' is to belong to '\(database.owner)', which the spec does not list")
            }
            faults += database.extensions.compactMap { name in SQLIdentifier.fault(of: name).map { "extension '\(name)' of database '\(database.name)' \($0)" }
            }
        }
        faults += Self.repeated(roles.map(\.name)).map { "role '\($0)' is listed twice" }
        faults += Self.repeated(databases.map(\.name)).map { "database '\($0)' is listed twice" }
        return faults
    }

    /// The script, for `psql --no-psqlrc --quiet --dbname=postgres --file=-` as the superuser over the local socket. It contains verifiers: pass it
    /// as input, and do not store it in a file.
    /// - Throws: `input.invalid` with every fault; `template.invalid`.
    package func script(templates: Templates = Templates()) throws -> Secret {
        let faults = faults
        guard faults.isEmpty else { throw Failure(.invalidInput, faults.joined(separator: "\n")) }
        let own = ApplianceSpec.Role(name: Self.ownName, memberOf: ["pg_monitor"] + (version >= 16 ? ["pg_use_reserved_connections"] : []))
        let allRoles = [own] + roles
        let ownDatabase = ApplianceSpec.Database(name: Self.ownName, owner: Self.ownName, extensions: ["pg_stat_statements"])
        let values: [String: Any] = [
            "formatVersion": RenderedFile.formatVersion,
            "roles": try allRoles.map(values(of:)),
            "memberships": try allRoles.flatMap { role in
                try role.memberOf.map { ["group": try SQLIdentifier($0).text, "member": try SQLIdentifier(role.name).text] }
            },
            "databases": try ([ownDatabase] + databases).map(values(of:)),
        ]
        return Secret(try templates.render("postgresql/setup.sql", values))
    }

    private func values(of role: ApplianceSpec.Role) throws -> [String: Any] {
        var values: [String: Any] = [
            "literal": try SQLLiteral(role.name).text, "identifier": try SQLIdentifier(role.name).text,
            "replication": role.replication ? "REPLICATION" : "NOREPLICATION",
        ]
        if let verifier = verifiers[role.name] { values["verifier"] = try SQLLiteral(verifier).text }
        return values
    }

    private func values(of database: ApplianceSpec.Database) throws -> [String: Any] {
        [
            "literal": try SQLLiteral(database.name).text, "identifier": try SQLIdentifier(database.name).text,
            "ownerLiteral": try SQLLiteral(database.owner).text, "isPrivate": database.name == Self.ownName,
            "connectArgument": try PsqlConnectArgument(database: database.name).text,
            "extensions": try database.extensions.map { try SQLIdentifier($0).text },
        ]
    }

    /// psql's commands and password files are read line by line, so a name must not contain a line break.
    private static func nameFault(_ name: String) -> String? {
        SQLIdentifier.fault(of: name) ?? (name.unicodeScalars.contains { $0 == "\n" || $0 == "\r" } ? "contains a newline" : nil)
    }

    private static func isReserved(role: String) -> Bool {
        ["postgres", ownName, "public", "none"].contains(role) || role.utf8.starts(with: "pg_".utf8)
    }

    /// The names that occur more than once, compared byte for byte.
    private static func repeated(_ names: [String]) -> [String] {
        Dictionary(grouping: names) { ByteName($0) }.values.filter { $0.count > 1 }.compactMap(\.first).sorted()
    }
}

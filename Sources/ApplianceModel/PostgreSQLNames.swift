internal import Quoting

/// The rules for names inside the database server: roles, databases, extensions and settings.
package enum PostgreSQLNames {
    /// What a role's or a database's name must look like, for messages.
    package static let rule = "1 to 63 bytes without control characters, not starting with 'pg_', and none of \(SpecRules.listed(reserved))"
    private static let reserved = ["postgres", "pgkvm", "public", "none", "template0", "template1"]

    /// Whether a role or a database may have the name. Spaces, quotes, `$` and emoji are allowed.
    package static func isAllowed(_ name: String) -> Bool {
        (1...63).contains(name.utf8.count) && !name.unicodeScalars.contains(where: \.isControl) && !name.utf8.starts(with: "pg_".utf8)
            && !reserved.contains(name)
    }

    /// PostgreSQL's own roles that can be granted, with the version that introduced them.
    private static let predefinedRoles = [
        "pg_monitor": 10, "pg_read_all_settings": 10, "pg_read_all_stats": 10, "pg_stat_scan_tables": 10, "pg_signal_backend": 10,
        "pg_read_server_files": 11, "pg_write_server_files": 11, "pg_execute_server_program": 11, "pg_read_all_data": 14,
        "pg_write_all_data": 14, "pg_checkpoint": 15, "pg_create_subscription": 16, "pg_use_reserved_connections": 16,
        "pg_maintain": 17, "pg_signal_autovacuum_worker": 18,
    ]

    static func faults(in server: ApplianceSpec.PostgreSQL) -> [SpecFault] {
        var suggestions = Suggestions()
        let roles = Roles(server.roles)
        return settings(server) + faults(of: roles, version: server.version, &suggestions) + databases(server.databases, of: roles, &suggestions)
    }

    private static func settings(_ server: ApplianceSpec.PostgreSQL) -> [SpecFault] {
        let path = "postgresql.settings"
        if let fault = SpecLimits.fault(path, server.settings.count, SpecLimits.settings, "settings") { return [fault] }
        var names: Set<String> = []
        return server.settings.sorted { $0.key < $1.key }.compactMap { name, value in
            let path = "\(path).\(name)"
            if let fault = SettingRules.fault(name, value) { return SpecFault(path, fault) }
            if let canonical = SettingRules.canonicalName(name), !names.insert(canonical).inserted {
                return SpecFault(path, "\(SpecRules.shown(name)) is given twice: PostgreSQL takes upper and lower case for the same")
            }
            if value.unicodeScalars.contains(where: \.isControl) {
                return SpecFault(path, "the value holds a line break or another control character, which postgresql.conf cannot carry")
            }
            return nil
        } + replication(server)
    }

    /// Faults of roles with replication while the settings do not allow any.
    private static func replication(_ server: ApplianceSpec.PostgreSQL) -> [SpecFault] {
        guard let role = server.roles.first(where: \.replication),
            let (name, value) = server.settings.first(where: { SettingRules.canonicalName($0.key) == "max_wal_senders" }),
            !value.utf8.isEmpty, value.utf8.allSatisfy({ $0 == UInt8(ascii: "0") })
        else { return [] }
        return [
            SpecFault(
                "postgresql.settings.\(name)",
                "0 allows no replication, but the role \(SpecRules.shown(role.name)) has 'replication: true'; leave it out, or write 1 or more"
            )
        ]
    }

    /// The roles of a spec, with the first position of each name.
    private struct Roles {
        let all: [ApplianceSpec.Role]
        let indices: [ByteName: Int]
        let names: [String]

        init(_ roles: [ApplianceSpec.Role]) {
            all = roles
            names = roles.map(\.name)
            indices = Dictionary(roles.enumerated().map { (ByteName($0.element.name), $0.offset) }) { first, _ in first }
        }

        func contains(_ name: String) -> Bool { indices[ByteName(name)] != nil }
    }

    private static func faults(of roles: Roles, version: Int?, _ suggestions: inout Suggestions) -> [SpecFault] {
        let list = "postgresql.roles"
        if let fault = SpecLimits.fault(list, roles.all.count, SpecLimits.roles, "roles") { return [fault] }
        var faults: [SpecFault] = []
        let replicating = roles.all.count(where: \.replication)
        if let fault = SpecLimits.fault(list, replicating, SpecLimits.replicatingRoles, "roles with 'replication: true'") { faults.append(fault) }
        for (index, role) in roles.all.enumerated() {
            let path = "\(list)[\(index)]"
            faults += name(role.name, at: "\(path).name", of: "role", isFirst: roles.indices[ByteName(role.name)] == index)
            if let fault = SpecLimits.fault("\(path).memberOf", role.memberOf.count, SpecLimits.memberships, "roles") {
                faults.append(fault)
                continue
            }
            var seen: Set<ByteName> = []
            for (position, group) in role.memberOf.enumerated() {
                let path = "\(path).memberOf[\(position)]"
                if let message = membershipFault(of: role, in: group, roles, version, &suggestions) { faults.append(SpecFault(path, message)) }
                if !seen.insert(ByteName(group)).inserted { faults.append(SpecFault(path, "\(SpecRules.shown(group)) is listed twice")) }
            }
        }
        if let index = Memberships(roles.all, indices: roles.indices).firstInCircle {
            let name = SpecRules.shown(roles.all[index].name)
            faults.append(SpecFault("\(list)[\(index)].memberOf", "\(name) is a member of itself by way of the roles that it is a member of"))
        }
        return faults
    }

    private static func membershipFault(
        of role: ApplianceSpec.Role, in group: String, _ roles: Roles, _ version: Int?, _ suggestions: inout Suggestions
    ) -> String? {
        if role.name.utf8.elementsEqual(group.utf8) { return "a role cannot be a member of itself" }
        if roles.contains(group) { return nil }
        if let since = predefinedRoles[group] {
            guard let version, version < since else { return nil }
            return "\(SpecRules.shown(group)) exists since PostgreSQL \(since), and version \(version) is asked for"
        }
        let known = suggestions.text(for: group) { roles.names.filter { !$0.utf8.elementsEqual(role.name.utf8) } + predefinedRoles.keys.sorted() }
        return "\(SpecRules.shown(group)) is not a role of this spec, nor one of PostgreSQL's own\(known)"
    }

    private static func databases(_ databases: [ApplianceSpec.Database], of roles: Roles, _ suggestions: inout Suggestions) -> [SpecFault] {
        let list = "postgresql.databases"
        if let fault = SpecLimits.fault(list, databases.count, SpecLimits.databases, "databases") { return [fault] }
        var faults: [SpecFault] = []
        var names: Set<ByteName> = []
        for (index, database) in databases.enumerated() {
            let path = "\(list)[\(index)]"
            faults += name(database.name, at: "\(path).name", of: "database", isFirst: names.insert(ByteName(database.name)).inserted)
            if !roles.contains(database.owner) {
                let known = roles.all.isEmpty ? "; the spec has no roles" : suggestions.text(for: database.owner) { roles.names }
                faults.append(SpecFault("\(path).owner", "\(SpecRules.shown(database.owner)) is not a role under 'postgresql.roles'\(known)"))
            }
            faults += extensions(database.extensions, at: "\(path).extensions")
        }
        return faults
    }

    private static func extensions(_ names: [String], at list: String) -> [SpecFault] {
        if let fault = SpecLimits.fault(list, names.count, SpecLimits.extensions, "extensions") { return [fault] }
        var faults: [SpecFault] = []
        var seen: Set<ByteName> = []
        for (position, name) in names.enumerated() {
            let path = "\(list)[\(position)]"
            if !SpecRules.isExtensionName(name) {
                faults.append(
                    SpecFault(
                        path, "\(SpecRules.shown(name)) is not the name of an extension; allowed are lower-case letters, digits, underscores and hyphens"))
            }
            if !seen.insert(ByteName(name)).inserted { faults.append(SpecFault(path, "\(SpecRules.shown(name)) is listed twice")) }
        }
        return faults
    }

    private static func name(_ name: String, at path: String, of kind: String, isFirst: Bool) -> [SpecFault] {
        if !isAllowed(name) { return [SpecFault(path, "\(SpecRules.shown(name)) cannot name a \(kind); allowed are \(rule)")] }
        if !isFirst { return [SpecFault(path, "there are two \(kind)s named \(SpecRules.shown(name))")] }
        return []
    }
}

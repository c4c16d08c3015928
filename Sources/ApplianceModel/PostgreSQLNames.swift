/// The rules for what is named inside the database server: roles, databases, extensions and settings.
package enum PostgreSQLNames {
    /// What a role's or a database's name must look like, for messages.
    package static let rule = "1 to 63 bytes without control characters, not starting with 'pg_', and none of \(SpecRules.listed(reserved))"
    private static let reserved = ["postgres", "pgkvm", "public", "none", "template0", "template1"]

    /// Whether a role or a database may carry the name. Spaces, quotes, `$` and emoji are allowed.
    package static func isAllowed(_ name: String) -> Bool {
        (1...63).contains(name.utf8.count) && !name.unicodeScalars.contains(where: SpecRules.isControl) && !name.hasPrefix("pg_")
            && !reserved.contains(name)
    }

    /// PostgreSQL's own roles that can be granted, with the version that brought them.
    private static let predefinedRoles = [
        "pg_monitor": 10, "pg_read_all_settings": 10, "pg_read_all_stats": 10, "pg_stat_scan_tables": 10, "pg_signal_backend": 10,
        "pg_read_server_files": 11, "pg_write_server_files": 11, "pg_execute_server_program": 11, "pg_read_all_data": 14,
        "pg_write_all_data": 14, "pg_checkpoint": 15, "pg_create_subscription": 16, "pg_use_reserved_connections": 16,
        "pg_maintain": 17, "pg_signal_autovacuum_worker": 18,
    ]

    static func faults(in server: ApplianceSpec.PostgreSQL) -> [SpecFault] {
        settings(server.settings) + roles(server) + databases(server)
    }

    private static func settings(_ settings: [String: String]) -> [SpecFault] {
        settings.sorted { $0.key < $1.key }.compactMap { name, value in
            let path = "postgresql.settings.\(name)"
            if !SpecRules.isSettingName(name) {
                return SpecFault(path, "\(SpecRules.shown(name)) is not the name of a setting; allowed are lower-case letters, digits, underscores and dots")
            }
            if SettingRules.owned[name] != nil { return SpecFault(path, "\(SpecRules.shown(name)) is decided by pgkvm and cannot be overridden") }
            if let fault = SettingRules.valueFault(name, value) { return SpecFault(path, fault) }
            if value.unicodeScalars.contains(where: SpecRules.isControl) {
                return SpecFault(path, "the value holds a line break or another control character, which postgresql.conf cannot carry")
            }
            return nil
        }
    }

    private static func roles(_ server: ApplianceSpec.PostgreSQL) -> [SpecFault] {
        var faults: [SpecFault] = []
        for (index, role) in server.roles.enumerated() {
            let path = "postgresql.roles[\(index)]"
            faults += name(role.name, at: "\(path).name", of: "role", earlier: server.roles[..<index].map(\.name))
            for (position, group) in role.memberOf.enumerated() {
                let path = "\(path).memberOf[\(position)]"
                if let message = membershipFault(of: role, in: group, server) { faults.append(SpecFault(path, message)) }
                if contains(role.memberOf[..<position], group) { faults.append(SpecFault(path, "\(SpecRules.shown(group)) is listed twice")) }
            }
        }
        for role in server.roles where isInCircle(role.name, server.roles) {
            let index = server.roles.firstIndex { same($0.name, role.name) } ?? 0
            faults.append(
                SpecFault(
                    "postgresql.roles[\(index)].memberOf", "\(SpecRules.shown(role.name)) is a member of itself by way of the roles that it is a member of"))
            break
        }
        return faults
    }

    private static func membershipFault(of role: ApplianceSpec.Role, in group: String, _ server: ApplianceSpec.PostgreSQL) -> String? {
        if same(role.name, group) { return "a role cannot be a member of itself" }
        if contains(server.roles.map(\.name), group) { return nil }
        if let since = predefinedRoles[group] {
            guard let version = server.version, version < since else { return nil }
            return "\(SpecRules.shown(group)) exists since PostgreSQL \(since), and version \(version) is asked for"
        }
        let known = server.roles.map(\.name).filter { !same($0, role.name) } + predefinedRoles.keys.sorted()
        return "\(SpecRules.shown(group)) is no role of this spec and none of PostgreSQL's own" + Suggestion.text(for: group, among: known)
    }

    /// Whether following memberships from a role leads back to it over at least one other role.
    private static func isInCircle(_ name: String, _ roles: [ApplianceSpec.Role]) -> Bool {
        var seen: [String] = []
        var open = roles.first { same($0.name, name) }?.memberOf.filter { !same($0, name) } ?? []
        while let next = open.popLast() {
            if same(next, name) { return true }
            if contains(seen, next) { continue }
            seen.append(next)
            open += roles.first { same($0.name, next) }?.memberOf ?? []
        }
        return false
    }

    private static func databases(_ server: ApplianceSpec.PostgreSQL) -> [SpecFault] {
        var faults: [SpecFault] = []
        let roles = server.roles.map(\.name)
        for (index, database) in server.databases.enumerated() {
            let path = "postgresql.databases[\(index)]"
            faults += name(database.name, at: "\(path).name", of: "database", earlier: server.databases[..<index].map(\.name))
            if !contains(roles, database.owner) {
                let known = roles.isEmpty ? "; the spec has no roles" : Suggestion.text(for: database.owner, among: roles)
                faults.append(SpecFault("\(path).owner", "\(SpecRules.shown(database.owner)) is not a role under 'postgresql.roles'\(known)"))
            }
            for (position, name) in database.extensions.enumerated() {
                let path = "\(path).extensions[\(position)]"
                if !SpecRules.isExtensionName(name) {
                    faults.append(
                        SpecFault(
                            path, "\(SpecRules.shown(name)) is not the name of an extension; allowed are lower-case letters, digits, underscores and hyphens"))
                }
                if database.extensions[..<position].contains(name) { faults.append(SpecFault(path, "\(SpecRules.shown(name)) is listed twice")) }
            }
        }
        return faults
    }

    private static func name(_ name: String, at path: String, of kind: String, earlier: [String]) -> [SpecFault] {
        if !isAllowed(name) { return [SpecFault(path, "\(SpecRules.shown(name)) cannot name a \(kind); allowed are \(rule)")] }
        if contains(earlier, name) { return [SpecFault(path, "there are two \(kind)s named \(SpecRules.shown(name))")] }
        return []
    }

    /// PostgreSQL compares bytes; Swift's `==` would take different encodings of one letter for the same.
    private static func same(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }

    private static func contains(_ names: some Sequence<String>, _ name: String) -> Bool { names.contains { same($0, name) } }
}

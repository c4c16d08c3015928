/// What a spec may not set in postgresql.conf. Both the spec file's reader and the renderer of the configuration enforce it.
package enum SettingRules {
    /// The name as PostgreSQL compares it: `DateStyle` and `datestyle` are the same setting. Nil for a text that cannot be the name of a setting.
    package static func canonicalName(_ name: String) -> String? {
        let lowered = String(decoding: name.utf8.map { SpecRules.isUpper($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
        return SpecRules.isSettingName(lowered) ? lowered : nil
    }

    /// What is wrong with a setting, whatever the case of its name; nil if a spec may have it. Only the server can tell whether it knows the name and
    /// accepts the value.
    package static func fault(_ name: String, _ value: String) -> String? {
        guard let canonical = canonicalName(name) else { return nameFault(name) }
        if let reason = owned[canonical] { return "\(SpecRules.shown(name)) belongs to pgkvm: \(reason)" }
        return valueFault(canonical, value)
    }

    private static func nameFault(_ name: String) -> String {
        let meant = canonicalName(String(decoding: name.utf8.map { "- ".utf8.contains($0) ? UInt8(ascii: "_") : $0 }, as: UTF8.self))
        return "\(SpecRules.shown(name)) is not the name of a setting; allowed are letters, digits and underscores, and one dot in those of extensions"
            + (meant.map { "; did you mean '\($0)'?" } ?? "")
    }

    /// - Parameter name: in lower case.
    private static func valueFault(_ name: String, _ value: String) -> String? {
        switch name {
        case "wal_level" where !["replica", "logical"].contains(value.lowercased()):
            "'wal_level' must be replica or logical: backup needs it"
        case "shared_preload_libraries" where !libraries(value).contains("pg_stat_statements"):
            "'shared_preload_libraries' must keep pg_stat_statements: write 'pg_stat_statements, …'"
        default: nil
        }
    }

    /// The names in a list of libraries, without directories and quotes.
    private static func libraries(_ value: String) -> [String] {
        value.utf8.split(separator: UInt8(ascii: ",")).map { entry in
            let name = entry.filter { !" \t\"".utf8.contains($0) }
            return String(decoding: name[(name.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...], as: UTF8.self)
        }
    }

    private static let place = "it decides where the files of the cluster are; the size of their disk is 'data.size'"
    private static let certificate = "certificates are issued and renewed by 'pgkvm deploy'"
    private static let log = "pgkvm reads the server's log where it put it; 'pgkvm logs NAME' shows it"
    private static let include = "it would read other files; write their settings here, under 'postgresql.settings'"
    private static let zone = "write 'postgresql.timeZone'"

    /// Settings that pgkvm decides itself, each with the reason and, if there is one, with what to write instead. With another value the server could
    /// not be reached, or not be verified.
    package static let owned: [String: String] = [
        "data_directory": place, "config_file": place, "hba_file": place, "ident_file": place, "external_pid_file": place,
        "include": include, "include_dir": include, "include_if_exists": include,
        "listen_addresses": "the server listens on every address of the guest; who gets in is decided by 'network.mode' and 'postgresql.allowFrom'",
        "port": "the guest's is 5432; the port of this host that leads to it is 'network.postgresqlPort'",
        "unix_socket_directories": "programs in the guest look for the socket where Debian has it",
        "cluster_name": "it is the appliance's own: 'name'",
        "ssl": "every connection over the network is encrypted",
        "ssl_ca_file": certificate, "ssl_cert_file": certificate, "ssl_key_file": certificate,
        "password_encryption": "every password is kept as a SCRAM verifier",
        "timezone": zone, "log_timezone": zone,
        "logging_collector": log, "log_directory": log, "log_filename": log, "log_destination": log,
        "archive_mode": "it is on, so that a backup is set up by a reload: write 'archive_command' or 'archive_library'",
    ]
}

/// Settings that the spec overrides.
package enum UserSettings {
    /// What is wrong with them, one fragment each; none when all is well. Whether the server knows a name and takes its
    /// value, only the server can tell.
    package static func faults(_ settings: [String: String]) -> [String] {
        let names = Dictionary(grouping: settings.keys) { $0.lowercased() }
        let twice = names.filter { $0.value.count > 1 }.map { "setting '\($0.key)' is given twice, in different cases" }
        return (settings.compactMap { fault($0.key, $0.value) } + twice).sorted()
    }

    /// The settings as the last layer, sorted by name.
    static func layer(_ settings: [String: String]) -> [Setting] {
        settings.sorted { $0.key < $1.key }.map { Setting(.spec, $0.key.lowercased(), $0.value, "postgresql.settings") }
    }

    private static func fault(_ name: String, _ value: String) -> String? {
        guard name.wholeMatch(of: #/[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_$]*)?/#) != nil else {
            return "'\(name)' is not the name of a setting: letters, digits and underscores, one dot for an extension's"
        }
        if value.utf8.contains(0) { return "setting '\(name)' contains a NUL" }
        if let reason = owned[name.lowercased()] { return "setting '\(name)' belongs to pgkvm: \(reason)" }
        switch name.lowercased() {
        case "wal_level" where !["replica", "logical"].contains(value.lowercased()):
            return "setting 'wal_level' must be replica or logical: backup needs it"
        case "shared_preload_libraries" where !value.contains("pg_stat_statements"):
            return "setting 'shared_preload_libraries' must keep pg_stat_statements: write 'pg_stat_statements, …'"
        default:
            return nil
        }
    }

    private static let place = "it decides where the files of the cluster are"
    private static let reach = "it decides how the server is reached"
    private static let certificate = "certificates are issued and renewed by pgkvm"
    private static let log = "pgkvm reads the server's log where it put it"
    private static let include = "it would read other files"

    private static let owned: [String: String] = [
        "data_directory": place, "config_file": place, "hba_file": place, "ident_file": place, "external_pid_file": place,
        "include": include, "include_dir": include, "include_if_exists": include,
        "listen_addresses": reach, "port": reach, "unix_socket_directories": reach,
        "cluster_name": "it is the appliance's name",
        "ssl": "every connection over the network is encrypted", "ssl_cert_file": certificate, "ssl_key_file": certificate,
        "password_encryption": "every password is a SCRAM verifier",
        "timezone": "set 'postgresql.timeZone'", "log_timezone": "set 'postgresql.timeZone'",
        "logging_collector": log, "log_directory": log, "log_filename": log, "log_destination": log,
        "archive_mode": "it is on, so that backup comes by reload",
    ]
}

/// What a spec may not set in postgresql.conf. Held by the spec file's reader and by the renderer of the configuration alike.
package enum SettingRules {
    /// What is wrong with the value of a setting that a spec may set; nil when all is well.
    package static func valueFault(_ name: String, _ value: String) -> String? {
        switch name.lowercased() {
        case "wal_level" where !["replica", "logical"].contains(value.lowercased()):
            "setting 'wal_level' must be replica or logical: backup needs it"
        case "shared_preload_libraries" where !value.contains("pg_stat_statements"):
            "setting 'shared_preload_libraries' must keep pg_stat_statements: write 'pg_stat_statements, …'"
        default: nil
        }
    }

    private static let place = "it decides where the files of the cluster are"
    private static let reach = "it decides how the server is reached"
    private static let certificate = "certificates are issued and renewed by pgkvm"
    private static let log = "pgkvm reads the server's log where it put it"
    private static let include = "it would read other files"

    /// Settings that pgkvm decides itself, with the reason: with another value the server would not be reached, or not verified.
    package static let owned: [String: String] = [
        "data_directory": place, "config_file": place, "hba_file": place, "ident_file": place, "external_pid_file": place,
        "include": include, "include_dir": include, "include_if_exists": include,
        "listen_addresses": reach, "port": reach, "unix_socket_directories": reach,
        "cluster_name": "it is the appliance's name",
        "ssl": "every connection over the network is encrypted", "ssl_ca_file": certificate, "ssl_cert_file": certificate, "ssl_key_file": certificate,
        "password_encryption": "every password is a SCRAM verifier",
        "timezone": "set 'postgresql.timeZone'", "log_timezone": "set 'postgresql.timeZone'",
        "logging_collector": log, "log_directory": log, "log_filename": log, "log_destination": log,
        "archive_mode": "it is on, so that backup comes by reload",
    ]
}

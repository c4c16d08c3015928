/// The settings that every pgkvm session sets for itself, so that it behaves the same whatever the server's configuration, `ALTER ROLE … SET`
/// or `ALTER DATABASE … SET` say. Values given at the start of a session override all three. Only settings that every role may set.
package enum SessionDefaults {
    /// The settings of a session, by name.
    /// - Parameters:
    ///   - version: the server's major version. A server refuses a session that names a setting it does not know.
    ///   - searchPath: the schemas besides `pg_catalog`, which is always searched first.
    package static func settings(version: Int, searchPath: String = "public") -> [String: String] {
        var settings = common
        settings["search_path"] = searchPath
        if version >= 14 { settings["idle_session_timeout"] = "0" }
        // The second setting: the views of extensions are not system views.
        if version >= 17 { settings.merge(["transaction_timeout": "0", "restrict_nonsystem_relation_kind": ""]) { _, new in new } }
        return settings
    }

    /// The settings of every version that pgkvm supports. A statement's own text must be correct under all other settings.
    private static let common: [String: String] = [
        // The caller decides how long anything may take.
        "statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0",
        // Transactions may write, and their commit waits for this server's disk but not for another server.
        "default_transaction_read_only": "off", "default_transaction_isolation": "read committed", "default_transaction_deferrable": "off",
        "synchronous_commit": "local",
        // The role, and which rows are visible.
        "role": "none", "row_security": "on",
        // The meaning of literals in statements.
        "standard_conforming_strings": "on", "transform_null_equals": "off", "array_nulls": "on",
        // The output format of values.
        "client_encoding": "UTF8", "datestyle": "ISO", "intervalstyle": "iso_8601", "timezone": "UTC", "bytea_output": "hex", "extra_float_digits": "1",
        "client_min_messages": "warning",
        // How objects are created.
        "default_tablespace": "", "temp_tablespaces": "", "default_table_access_method": "heap",
        // Whether the session can start and stay.
        "local_preload_libraries": "", "exit_on_error": "off", "tcp_user_timeout": "0",
        // Work that takes time for reasons of the users' own statements.
        "vacuum_cost_delay": "0", "jit": "off",
    ]

    /// The settings of a session as the value of libpq's `options`, or of `PGOPTIONS`.
    package static func options(version: Int) -> String { options(settings(version: version)) }

    /// The value of libpq's `options`, or of `PGOPTIONS`, for settings by name.
    package static func options(_ settings: [String: String]) -> String {
        settings.sorted { $0.key < $1.key }.map { name, value in
            var text = "-c \(name)="
            for scalar in value.unicodeScalars {
                if scalar.properties.isWhitespace || scalar == "\\" { text.unicodeScalars.append("\\") }
                text.unicodeScalars.append(scalar)
            }
            return text
        }.joined(separator: " ")
    }
}

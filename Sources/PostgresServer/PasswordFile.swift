internal import ApplianceModel
package import Basics
internal import Quoting

/// libpq's password file (`passfile`), which must have mode 0600.
package enum PasswordFile {
    /// One line; the first line that matches a connection supplies its password.
    package struct Entry: Sendable {
        /// The `host` of the connection, not the address to connect to; `*` for any.
        package var host: String
        package var port: UInt16
        /// `*` for any.
        package var database: String
        package var user: String
        package var password: Secret

        package init(host: String, port: UInt16, database: String = "*", user: String, password: Secret) {
            self.host = host
            self.port = port
            self.database = database
            self.user = user
            self.password = password
        }
    }

    /// The whole file.
    /// - Throws: `input.invalid` for a field with a newline or a NUL, which a line cannot contain.
    package static func render(_ entries: [Entry]) throws -> Secret {
        let lines = try entries.map { entry in
            let password = try entry.password.withRevealed { try field($0, "password of '\(entry.user)'") }
            return [
                try field(entry.host, "host"), String(entry.port), try field(entry.database, "database"), try field(entry.user, "user"), password,
            ].joined(separator: ":")
        }
        return Secret((["# pgkvm formatVersion \(RenderedFile.formatVersion)"] + lines).joined(separator: "\n") + "\n")
    }

    private static func field(_ text: String, _ name: String) throws -> String {
        try Failure.naming("the \(name)") { try PassfileField(text).text }
    }
}

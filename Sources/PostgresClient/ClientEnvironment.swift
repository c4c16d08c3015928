/// The environment variables by which a caller tells libpq where, how and as whom to connect.
///
/// libpq takes several of them whatever the parameters say: a service is looked up, and `PGTZ`, `PGDATESTYLE` and `PGGEQO` are sent to the
/// server. So they have to be gone before libpq is called.
package enum ClientEnvironment {
    /// Whether a variable is libpq's, by its name: the names of every version begin with `PG`. pgkvm's own and the colours of
    /// messages are not.
    package static func isLibpqs(_ name: String) -> Bool {
        let bytes = name.utf8
        return bytes.starts(with: "PG".utf8) && !others.contains { bytes.starts(with: $0.utf8) }
    }

    private static let others = ["PGKVM_", "PG_COLOR"]
}

/// The environment variables through which a caller tells libpq where, how and as which user to connect.
///
/// libpq uses several of them whatever the parameters say: it looks a service up, and sends `PGTZ`, `PGDATESTYLE` and `PGGEQO` to the
/// server. So they must be removed before libpq is called.
package enum ClientEnvironment {
    /// Whether a variable belongs to libpq, by its name: in every version the names begin with `PG`. pgkvm's own variables and the
    /// colours of messages do not count.
    package static func isLibpqs(_ name: String) -> Bool {
        let bytes = name.utf8
        return bytes.starts(with: "PG".utf8) && !others.contains { bytes.starts(with: $0.utf8) }
    }

    private static let others = ["PGKVM_", "PG_COLOR"]
}

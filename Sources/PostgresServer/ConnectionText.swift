internal import ApplianceModel
internal import Basics
internal import Quoting

/// How a client on the host connects, in the forms that clients read. It never contains a password: that is in the password file.
package struct ConnectionText: Sendable {
    private let name: String
    private let address: String
    private let port: UInt16
    private let database: String
    private let user: String
    private let rootCertificate: String
    private let passwordFile: String
    private let socketDirectory: String

    /// The time limit for connecting, in seconds, in the forms whose readers all support one.
    private static let connectTimeout = "30"

    /// - Parameters:
    ///   - name: the DNS name in the server's certificate; it need not resolve.
    ///   - address: the address to connect to, which is in the certificate too.
    ///   - rootCertificate: the absolute path of the CA's certificate.
    ///   - passwordFile: an absolute path.
    ///   - socketDirectory: the absolute path of the Unix socket's directory.
    /// - Throws: `input.invalid` for a relative path, and for a newline or NUL in any value.
    package init(
        name: String, address: String = "127.0.0.1", port: UInt16, database: String, user: String, rootCertificate: String, passwordFile: String,
        socketDirectory: String
    ) throws {
        for path in [rootCertificate, passwordFile, socketDirectory] where !path.utf8.starts(with: "/".utf8) {
            throw Failure(.invalidInput, "'\(path)' is not an absolute path")
        }
        for text in [name, address, database, user, rootCertificate, passwordFile, socketDirectory]
        where text.utf8.contains(where: { [0, 10, 13].contains($0) }) {
            throw Failure(.invalidInput, "a connection cannot be written with a newline or a NUL in '\(text)'")
        }
        self.name = name
        self.address = address
        self.port = port
        self.database = database
        self.user = user
        self.rootCertificate = rootCertificate
        self.passwordFile = passwordFile
        self.socketDirectory = socketDirectory
    }

    /// For every driver that reads URIs, including libpq: `psql "$(pgkvm connection NAME)"`.
    ///
    /// It contains the address, because the appliance's name need not resolve, `localhost` may be `::1` first, and only libpq knows `hostaddr`. It
    /// contains only parameters that all drivers accept: asyncpg, and pgx before 5.8, send unknown parameters to the server, which refuses them
    /// (`channel_binding`, `connect_timeout`).
    package var uri: String {
        uri(host: address, [("sslmode", "verify-full"), ("sslrootcert", rootCertificate), ("passfile", passwordFile)])
    }

    /// For libpq and what is built on it: the server is verified by its name, and the password exchange is bound to its certificate.
    package var libpq: String { uri(host: name, terms.map { (name: $0.keyword, value: $0.value) }) }

    /// The same for a libpq that must not use its user's files: no client certificate, no list of revoked ones.
    package var libpqAlone: String { libpq + ["sslcert", "sslkey", "sslcrl"].map { "&\($0)=\(URIPart("/nonexistent"))" }.joined() }

    /// For the Unix socket, where SSH replaces TLS. Every driver that reads URIs accepts the directory as the host there.
    package var socket: String {
        "postgresql://\(URIPart(user))@/\(URIPart(path: database))?"
            + URIPart.query([("host", socketDirectory), ("port", String(port)), ("passfile", passwordFile)])
    }

    /// For rust-postgres, which refuses every parameter that it does not know: the program has to supply CA and password.
    package var rustPostgres: String {
        uri(host: address, [("sslmode", "require"), ("channel_binding", "require"), ("connect_timeout", Self.connectTimeout)])
    }

    /// For a shell: `eval "$(pgkvm connection NAME --as env)"`.
    package var environment: String { parameters.map { "export \($0.variable)=\(ShellWord($0.value))\n" }.joined() }

    /// A section for `pg_service.conf`, named after the appliance: `psql service=NAME`.
    /// - Throws: `unsupported` for a value that ends in white space, because libpq removes it there.
    package func service() throws -> String {
        let lines = try parameters.map { parameter in
            let value = try Failure.naming("'\(parameter.value)'", .unsupported, remedy: "use the form 'libpq' or 'env'") {
                try ServiceFileValue(parameter.value)
            }
            return "\(parameter.keyword)=\(value)\n"
        }
        return "[\(name)]\n" + lines.joined()
    }

    /// For pgjdbc. It limits the time for the network's connection and the time for all of connecting separately.
    package var jdbc: String {
        let parameters: [(name: String, value: String)] = [
            ("user", user), ("sslmode", "verify-full"), ("sslrootcert", rootCertificate), ("connectTimeout", Self.connectTimeout),
            ("loginTimeout", Self.connectTimeout),
        ]
        return "jdbc:postgresql://\(address):\(port)/\(URIPart(database))?" + URIPart.query(parameters)
    }

    /// A libpq parameter: its keyword, its environment variable, the value.
    private typealias Parameter = (keyword: String, variable: String, value: String)

    private var parameters: [Parameter] { place + terms }

    /// The part of a URI before its parameters.
    private var place: [Parameter] {
        [("host", "PGHOST", name), ("port", "PGPORT", String(port)), ("dbname", "PGDATABASE", database), ("user", "PGUSER", user)]
    }

    private var terms: [Parameter] {
        [
            ("hostaddr", "PGHOSTADDR", address), ("sslmode", "PGSSLMODE", "verify-full"), ("sslrootcert", "PGSSLROOTCERT", rootCertificate),
            ("channel_binding", "PGCHANNELBINDING", "require"), ("passfile", "PGPASSFILE", passwordFile),
            // Otherwise, the connection of a user with a Kerberos ticket would be encrypted with that instead of TLS.
            ("gssencmode", "PGGSSENCMODE", "disable"), ("connect_timeout", "PGCONNECT_TIMEOUT", Self.connectTimeout),
        ]
    }

    private func uri(host: String, _ parameters: [(name: String, value: String)]) -> String {
        "postgresql://\(URIPart(user))@\(URIPart(host)):\(port)/\(URIPart(path: database))?\(URIPart.query(parameters))"
    }
}

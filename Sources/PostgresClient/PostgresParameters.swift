internal import ApplianceModel
package import Basics
internal import Quoting

/// Where and how to connect. Everything that is not named here is not taken from the user's files either. libpq uses some environment variables
/// whatever it is told, so the commands clear them (`ClientEnvironment`). The session sets what it relies on (`SessionDefaults`).
package struct PostgresParameters: Sendable {
    /// libpq's `sslmode`, without the modes that silently fall back to plaintext.
    package enum SSLMode: String, Sendable {
        /// Plaintext; for Unix sockets, which have no TLS.
        case disable
        /// TLS with any certificate that the server presents.
        case require
        /// TLS with a certificate that chains to `rootCertificatePath`.
        case verifyCA = "verify-ca"
        /// TLS with a certificate that chains to `rootCertificatePath` and carries the name `host`.
        case verifyFull = "verify-full"
    }

    /// libpq's `channel_binding`.
    package enum ChannelBinding: String, Sendable {
        case disable
        case prefer
        /// The password exchange must be bound to the server's certificate; needs TLS and SCRAM.
        case require
    }

    /// The name in the server's certificate, or the directory of a Unix socket.
    package var host: String
    /// The address to connect to; nil looks `host` up.
    package var hostAddress: String?
    package var port: UInt16
    package var database: String
    package var user: String
    package var password: Secret?
    package var sslMode: SSLMode
    /// The CA's certificate in PEM; required by the modes that verify.
    package var rootCertificatePath: String?
    package var channelBinding: ChannelBinding
    /// The time limit for establishing the connection: connecting, TLS, authentication, the server's greeting.
    package var connectTimeout: Duration
    /// Shown by the server in `pg_stat_activity` and its log.
    package var applicationName: String
    /// Server settings of the session, by name, in addition to `SessionDefaults`; they replace those with the same name.
    package var sessionSettings: [String: String]
    /// Settings in `SessionDefaults` for which the session keeps the server's values, by name: for queries about them.
    package var leaving: Set<String> = []
    /// The server's major version; 0 where it is unknown: then the defaults that only some versions know are left out.
    package var serverVersion: Int
    /// Whether to refuse a server that requests the password in any way but SCRAM-SHA-256, or does not request it, where libpq can
    /// (since 16). Turn it off only for attempts that are meant to find an open door.
    package var requiresSCRAM = true
    /// Requests a session that streams WAL, which `pg_hba.conf` admits by separate lines.
    package var isReplication = false

    package init(
        host: String, hostAddress: String? = nil, port: UInt16 = 5432, database: String, user: String, password: Secret? = nil,
        sslMode: SSLMode = .verifyFull, rootCertificatePath: String? = nil, channelBinding: ChannelBinding = .require,
        connectTimeout: Duration = .seconds(10), applicationName: String = "pgkvm", sessionSettings: [String: String] = [:],
        serverVersion: Int = 0
    ) {
        self.host = host
        self.hostAddress = hostAddress
        self.port = port
        self.database = database
        self.user = user
        self.password = password
        self.sslMode = sslMode
        self.rootCertificatePath = rootCertificatePath
        self.channelBinding = channelBinding
        self.connectTimeout = connectTimeout
        self.applicationName = applicationName
        self.sessionSettings = sessionSettings
        self.serverVersion = serverVersion
    }

    /// Connects over a Unix socket as the user that the operating system reports (`peer`).
    package static func socket(directory: String, port: UInt16 = 5432, database: String, user: String, password: Secret? = nil) -> Self {
        PostgresParameters(
            host: directory, port: port, database: database, user: user, password: password, sslMode: .disable, channelBinding: .prefer)
    }

    /// How messages describe the server: only where it is, and the user.
    var target: String {
        let place = host.begins(with: "/") ? "\(host), port \(port)" : "\(host):\(port)\(hostAddress.map { " (\($0))" } ?? "")"
        return "database '\(database)' at \(place) as '\(user)'"
    }

    /// The pairs for `PQconnectStartParams`, in a fixed order.
    /// - Parameter libraryVersion: `PQlibVersion()`.
    func keywords(libraryVersion: Int32) -> [(keyword: String, value: String)] {
        var pairs: [(String, String)] = [("host", host)]
        if let hostAddress { pairs.append(("hostaddr", hostAddress)) }
        pairs += [
            ("port", String(port)), ("dbname", database), ("user", user), ("sslmode", sslMode.rawValue),
            ("channel_binding", channelBinding.rawValue), ("application_name", applicationName), ("client_encoding", "UTF8"),
            ("options", serverOptions), ("gssencmode", "disable"), ("target_session_attrs", "any"), ("ssl_min_protocol_version", "TLSv1.2"),
            // A peer that disappears without a reset is noticed within half a minute.
            ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "4"),
            ("tcp_user_timeout", "30000"),
            // libpq looks for these in the home directory unless their locations are given.
            ("passfile", Self.noFile), ("sslcert", Self.noFile), ("sslkey", Self.noFile), ("sslcrl", Self.noFile),
            ("sslrootcert", rootCertificatePath ?? Self.noFile),
        ]
        if isReplication { pairs.append(("replication", "true")) }
        // Since 16 libpq can refuse a server that requests the password in another way.
        if requiresSCRAM, password != nil, libraryVersion >= 160_000 { pairs.append(("require_auth", "scram-sha-256")) }
        return pairs
    }

    private static let noFile = "/nonexistent"

    /// `options` of the start-up packet.
    private var serverOptions: String {
        let defaults = SessionDefaults.settings(version: serverVersion).filter { !leaving.contains($0.key) }
        return SessionDefaults.options(defaults.merging(sessionSettings) { _, own in own })
    }
}

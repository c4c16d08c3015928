/// Where the cluster's files are in the guest.
package struct ClusterLayout: Sendable, Equatable {
    /// The major version of PostgreSQL.
    package var version: Int
    /// The cluster's name in Debian's tools.
    package var clusterName: String
    /// PGDATA: a sub-directory of the data disk's mount point.
    package var dataDirectory: String
    package var configurationDirectory: String
    /// On the system disk.
    package var logDirectory: String
    package var socketDirectory: String
    package var port: UInt16

    /// Uses Debian's own places, so that `pg_lsclusters`, `pg_ctlcluster` and the manuals agree.
    /// - Parameter dataDirectory: nil means Debian's, `/var/lib/postgresql/VERSION/main`.
    package static func debian(version: Int, dataDirectory: String? = nil) -> ClusterLayout {
        ClusterLayout(
            version: version, clusterName: "main", dataDirectory: dataDirectory ?? "/var/lib/postgresql/\(version)/main",
            configurationDirectory: "/etc/postgresql/\(version)/main", logDirectory: "/var/log/postgresql",
            socketDirectory: "/var/run/postgresql", port: 5432)
    }

    package init(
        version: Int, clusterName: String, dataDirectory: String, configurationDirectory: String, logDirectory: String,
        socketDirectory: String, port: UInt16
    ) {
        self.version = version
        self.clusterName = clusterName
        self.dataDirectory = dataDirectory
        self.configurationDirectory = configurationDirectory
        self.logDirectory = logDirectory
        self.socketDirectory = socketDirectory
        self.port = port
    }

    package var configurationFile: String { configurationDirectory + "/postgresql.conf" }
    package var accessFile: String { configurationDirectory + "/pg_hba.conf" }
    package var identFile: String { configurationDirectory + "/pg_ident.conf" }
    package var pidFile: String { "\(socketDirectory)/\(version)-\(clusterName).pid" }
    /// The client itself and not Debian's wrapper, which would look for a cluster first.
    package var psql: String { "/usr/lib/postgresql/\(version)/bin/psql" }
    /// PEM; readable by all users.
    package var serverCertificate: String { configurationDirectory + "/server.crt" }
    /// PEM; 0600, owned by the user `postgres`: the server refuses wider permissions.
    package var serverKey: String { configurationDirectory + "/server.key" }
}

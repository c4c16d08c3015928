internal import ApplianceModel
internal import Basics
internal import Crypto
internal import FoundationEssentials
internal import HostSystem
internal import PostgresServer

/// The guest's server as a spec defines it. Pure: nothing is read or written.
struct ServerContent {
    let version: Int
    let layout: ClusterLayout
    let configuration: ServerConfiguration
    let files: [GuestFile]
    /// The names on the server's certificate.
    let names: [String]
    let addresses: [IPv4Address]
    /// The digest of files, certificate names, roles and databases.
    let digest: String
    let place: GuestPlace
    /// Whether the guest has a packet filter: a guest that only its host can reach needs none.
    let filtersPackets: Bool

    init(_ spec: ApplianceSpec, version: Int, place: GuestPlace) throws {
        self.version = version
        self.place = place
        layout = ClusterLayout.debian(version: version)
        filtersPackets = spec.network.mode != .user
        var configuration = ServerConfiguration(spec: spec, layout: layout)
        if filtersPackets { configuration.hostAddress = place.host }
        self.configuration = configuration
        names = [spec.name.rawValue, "localhost"]
        addresses = ["127.0.0.1", place.guest].compactMap { IPv4Address($0) }
        let directory = layout.configurationDirectory
        var files = try configuration.files().map {
            GuestFile(path: "\(directory)/\($0.path)", content: Array($0.text.utf8), owner: "postgres:postgres", mode: "0640")
        }
        if filtersPackets {
            let rules = try PacketFilter.render(host: place.host, allowFrom: spec.postgresql.allowFrom, port: layout.port)
            files.append(GuestFile(path: PacketFilter.path, content: Array(rules.utf8), owner: "root:root", mode: "0644"))
        }
        files += SystemFiles.all(settings: configuration.settings.effective, version: version)
        self.files = files
        let roles = spec.postgresql.roles.map { "role \($0.name) \($0.memberOf)" } + spec.postgresql.databases.map { "database \($0)" }
        let text = files.map { "\($0.path)\n\(String(decoding: $0.content, as: UTF8.self))" } + names + addresses.map(\.description) + roles
        digest = SHA256.hash(data: Data(text.joined(separator: "\u{0}").utf8)).hexadecimal
    }
}

/// Everything that is written into the guest's configuration, with the CA that signs for it.
struct ServerPlan {
    let content: ServerContent
    let authority: CertificateAuthority

    var version: Int { content.version }
    var layout: ClusterLayout { content.layout }
    var files: [GuestFile] { content.files }
    /// A later run compares the digest to know whether all of this is in the guest.
    var digest: String { content.digest }

    init(_ context: DeploymentContext) async throws {
        content = try ServerContent(context.spec, version: await context.postgresqlVersion(), place: await context.guestPlace())
        authority = try CertificateAuthority.load(from: context.directory, name: context.spec.name.rawValue)
    }

    /// Every setting by name. The spec's own settings take precedence.
    var settings: [String: String] { content.configuration.settings.effective }

    /// A new certificate for the server.
    func certificate() throws -> ServerCertificate { try authority.issueServer(names: content.names, addresses: content.addresses, now: .now) }

    func files(of certificate: ServerCertificate) -> [GuestFile] {
        [
            GuestFile(
                path: layout.serverKey, content: certificate.keyPEM.withRevealed { Array($0.utf8) }, owner: "postgres:postgres", mode: "0600"),
            GuestFile(path: layout.serverCertificate, content: Array(certificate.certificatePEM.utf8), owner: "postgres:postgres", mode: "0644"),
        ]
    }
}

extension CertificateAuthority {
    /// The appliance's CA; if there is none, a new one that is not saved yet.
    static func load(from directory: ApplianceDirectory, name: String) throws -> CertificateAuthority {
        guard Files.exists(directory.caKey), Files.exists(directory.caCertificate) else { return try create(name: "pgkvm \(name)", now: .now) }
        return try CertificateAuthority(
            certificatePEM: Files.readText(directory.caCertificate), keyPEM: Secret(Files.readText(directory.caKey)))
    }

    /// The certificate is saved first: a key without it is created again, and has not signed anything yet.
    func save(to directory: ApplianceDirectory) throws {
        try Files.write(certificatePEM, to: directory.caCertificate)
        try keyPEM.withRevealed { try Files.write($0, to: directory.caKey) }
    }
}

/// How long certificates are valid.
enum CertificateDays {
    /// A deployment issues a new one if fewer days are left.
    static let reissueBelow = 30

    /// - Parameter end: seconds since 1970.
    static func left(until end: Int64) -> Int { Int(saturating: (Double(end) - Date.now.timeIntervalSince1970) / 86_400) }
}

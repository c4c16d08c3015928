import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import PostgresClient
import PostgresServer
import SystemPackage
import TestSupport
import Testing

/// A cluster that runs on rendered files, with certificates, roles and databases as in a guest.
struct RenderedServer: Sendable {
    static let settings = [
        "work_mem": "12MB", "log_min_duration_statement": "0", "log_statement": "all", "my_app.note": "it's \\ \n\"ü😀\" # port = 1", "my_app.empty": "",
    ]
    static let spec: ApplianceSpec? = ApplianceName("orders").map { name in
        var spec = ApplianceSpec(name: name)
        spec.postgresql.timeZone = "Europe/Berlin"
        spec.postgresql.settings = settings
        spec.postgresql.roles = [.init(name: "app"), .init(name: nastyName, memberOf: ["app"])]
        spec.postgresql.databases = [
            .init(name: "shop", owner: "app", extensions: ["pg_trgm", "earthdistance"]), .init(name: nastyName, owner: nastyName),
        ]
        return spec
    }
    static let passwords = ["pgkvm": GeneratedPassword.make(), "app": GeneratedPassword.make(), nastyName: nastyPassword]

    static func password(of role: String) -> Secret { passwords[role] ?? Secret("password of \(role)") }

    let cluster: PostgresCluster
    let configuration: ServerConfiguration
    let authority: CertificateAuthority
    let setup: DatabaseSetup

    @TaskLocal static var current: RenderedServer?

    static func layout(_ cluster: PostgresCluster) -> ClusterLayout {
        ClusterLayout(
            version: cluster.majorVersion, clusterName: "main", dataDirectory: cluster.dataDirectory.string,
            configurationDirectory: cluster.configurationDirectory.string, logDirectory: cluster.directory.appending("log").string,
            socketDirectory: cluster.socketDirectory.string, port: cluster.port)
    }

    init(_ cluster: PostgresCluster, _ authority: CertificateAuthority, _ spec: ApplianceSpec) throws {
        self.cluster = cluster
        self.authority = authority
        configuration = ServerConfiguration(spec: spec, layout: Self.layout(cluster))
        setup = DatabaseSetup(
            version: cluster.majorVersion, roles: spec.postgresql.roles, databases: spec.postgresql.databases,
            verifiers: Dictionary(
                uniqueKeysWithValues: try DatabaseSetup.loginRoles(spec).map { role in
                    (role, try PasswordVerifier.scramSHA256(password: Self.password(of: role), role: role))
                }))
    }

    func install() async throws {
        for file in try configuration.files() { try await cluster.write(file.text, to: cluster.configurationDirectory.appending(file.path)) }
        try await issue(names: ["orders"])
    }

    func issue(names: [String]) async throws {
        let issued = try authority.issueServer(names: names, addresses: [], now: Date())
        try await cluster.write(issued.certificatePEM, to: FilePath(configuration.layout.serverCertificate))
        try await cluster.write(issued.keyPEM.withRevealed { $0 }, to: FilePath(configuration.layout.serverKey))
        try Files.write(authority.certificatePEM, to: rootCertificate)
    }

    func runSetup() async throws { try await cluster.psql(setup.script().withRevealed { $0 }) }

    var rootCertificate: FilePath { cluster.directory.appending("ca.crt") }

    func parameters(_ role: String, database: String) -> PostgresParameters {
        PostgresParameters(
            host: "orders", hostAddress: "127.0.0.1", port: cluster.port, database: database, user: role, password: Self.password(of: role),
            rootCertificatePath: rootCertificate.string)
    }

    /// What the server wrote into its own log files.
    func logText() throws -> String {
        let directory = FilePath(configuration.layout.logDirectory)
        return try Files.list(directory).map { try Files.readText(directory.appending($0)) }.joined()
    }
}

/// Runs a suite on one such server.
struct RenderedServerTrait: SuiteTrait, TestScoping {
    let spec: ApplianceSpec?

    func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void) async throws {
        let spec = try #require(spec)
        let authority = try CertificateAuthority.create(name: "orders", now: Date())
        try await PostgresCluster.with(configure: { try await RenderedServer($0, authority, spec).install() }) { cluster in
            let server = try RenderedServer(cluster, authority, spec)
            try await server.runSetup()
            try await RenderedServer.$current.withValue(server) { try await function() }
        }
    }
}

extension Trait where Self == RenderedServerTrait {
    static var renderedServer: Self { RenderedServerTrait(spec: RenderedServer.spec) }
    static func renderedServer(_ spec: ApplianceSpec?) -> Self { RenderedServerTrait(spec: spec) }
}

import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import MachineBackend
import PostgresClient
import PostgresServer
import SecureShell
import SystemPackage
import TestSupport
import Testing

@testable import Reports
@testable import Verification

/// A real cluster on the files that a deployment writes, to be spoilt by tests and looked at by checks.
struct VerifiedServer: Sendable {
    static let passwords = ["pgkvm": Secret("pgkvm's own"), "app": Secret("app's own")]

    let cluster: PostgresCluster
    let spec: ApplianceSpec
    let configuration: ServerConfiguration

    @TaskLocal static var current: VerifiedServer?

    init(_ cluster: PostgresCluster, roles: [ApplianceSpec.Role] = []) throws {
        self.cluster = cluster
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.postgresql.roles += roles
        self.spec = spec
        let layout = ClusterLayout(
            version: cluster.majorVersion, clusterName: "main", dataDirectory: cluster.dataDirectory.string,
            configurationDirectory: cluster.configurationDirectory.string, logDirectory: cluster.directory.appending("log").string,
            socketDirectory: cluster.socketDirectory.string, port: cluster.port)
        configuration = ServerConfiguration(spec: spec, layout: layout)
    }

    func install() async throws {
        for file in try configuration.files() { try await cluster.write(file.text, to: cluster.configurationDirectory.appending(file.path)) }
        let authority = try CertificateAuthority.create(name: "orders", now: Date())
        let issued = try authority.issueServer(names: ["orders"], addresses: [], now: Date())
        try await cluster.write(issued.certificatePEM, to: FilePath(configuration.layout.serverCertificate))
        try await cluster.write(issued.keyPEM.withRevealed { $0 }, to: FilePath(configuration.layout.serverKey))
        try Files.write(authority.certificatePEM, to: rootCertificate)
    }

    func runSetup() async throws {
        let setup = DatabaseSetup(
            version: cluster.majorVersion, roles: spec.postgresql.roles, databases: spec.postgresql.databases,
            verifiers: Dictionary(
                uniqueKeysWithValues: try Self.passwords.map { ($0.key, try PasswordVerifier.scramSHA256(password: $0.value, role: $0.key)) }))
        try await cluster.psql(setup.script().withRevealed { $0 })
    }

    private var rootCertificate: FilePath { cluster.directory.appending("ca.crt") }
    private var accessFile: FilePath { FilePath(configuration.layout.accessFile) }

    var parameters: PostgresParameters {
        PostgresParameters(
            host: "orders", hostAddress: "127.0.0.1", port: cluster.port, database: "pgkvm", user: "pgkvm", password: Self.passwords["pgkvm"],
            rootCertificatePath: rootCertificate.string, serverVersion: cluster.majorVersion)
    }

    /// The cluster as an appliance, with what this server is told from the command line left out of what was asked for.
    /// - Parameters:
    ///   - asRoot: what stands for root's scripts.
    ///   - restart: what stands for starting the machine again.
    func target(
        asRoot: @escaping @Sendable (String) async throws -> String = { throw UnexpectedCommand(text: $0) },
        restart: @escaping @Sendable () async throws -> Void = {}
    ) throws -> VerificationTarget {
        var settings = configuration.settings.effective
        settings["listen_addresses"] = nil
        let parameters = parameters
        return VerificationTarget(
            spec: spec, accelerator: .kvm, postgresqlVersion: cluster.majorVersion,
            shell: ClusterShell(cluster: cluster, asRoot: asRoot), backend: FakeBackend(),
            machine: MachineReference(backend: .qemu, deployment: .random(), identifier: "orders"),
            connect: { try await .open(parameters) }, parameters: { parameters }, restart: restart, settings: settings, certificateDaysLeft: 300,
            measurementLock: "/nonexistent/measurement.lock")
    }

    /// Runs one group.
    func findings(
        _ group: CheckGroup, _ options: VerificationOptions = VerificationOptions(), target: VerificationTarget? = nil
    ) async throws -> ([Finding], Measurements) {
        var measurements = Measurements()
        let run = VerificationRun(target: try target ?? self.target(), options: options) { _ in }
        return (try await group.run(run, &measurements), measurements)
    }

    /// The finding of a group that has one.
    func finding(_ group: CheckGroup) async throws -> Finding { try #require(try await findings(group).0.first) }

    /// Runs `body` on a server whose pg_hba.conf was changed.
    func withAccess(_ change: (String) -> String, _ body: () async throws -> Void) async throws {
        let text = try Files.readText(accessFile)
        try await cluster.write(change(text), to: accessFile)
        // Not a reload: nobody says when that is done.
        try await cluster.restart()
        do {
            try await body()
        } catch {
            try await cluster.write(text, to: accessFile)
            try await cluster.restart()
            throw error
        }
        try await cluster.write(text, to: accessFile)
        try await cluster.restart()
    }
}

/// Answers the checks' commands with the cluster's own programs.
struct ClusterShell: RemoteShell {
    let cluster: PostgresCluster
    let asRoot: @Sendable (String) async throws -> String

    func run(_ command: ShellCommand, input: [UInt8], timeout: Duration) async throws -> ShellResult {
        // psql as it is run in the guest, but on this cluster.
        if command.text.hasPrefix("sudo -n -u postgres env PGOPTIONS=") {
            let line = command.text.replacing("sudo -n -u postgres ", with: "", maxReplacements: 1)
                .replacing("-h /var/run/postgresql -p 5432", with: "-h '\(cluster.socketDirectory)' -p \(cluster.port) -U postgres", maxReplacements: 1)
            let result = try await cluster.runAsServer("sh", ["-c", line], input: input)
            return ShellResult(status: result.status, standardOutput: result.standardOutput, standardError: result.standardError)
        }
        let place = ["PGHOST=\(cluster.socketDirectory)", "PGPORT=\(cluster.port)", "PGUSER=postgres", "HOME=\(cluster.directory)"]
        let result: ProgramResult
        switch command.text {
        case "sh": result = try await cluster.runAsServer("env", place + ["sh"], input: input)
        case "sudo -n sh": return ShellResult(status: 0, standardOutput: Array(try await asRoot(String(decoding: input, as: UTF8.self)).utf8))
        default: throw UnexpectedCommand(text: command.text)
        }
        return ShellResult(status: result.status, standardOutput: result.standardOutput, standardError: result.standardError)
    }

    func upload(_ bytes: [UInt8], to path: String, mode: UInt16) async throws { throw UnexpectedCommand(text: "upload \(path)") }
    func download(_ path: String, limit: Int) async throws -> [UInt8] { throw UnexpectedCommand(text: "download \(path)") }
}

/// Runs a suite on one such server.
struct VerifiedServerTrait: SuiteTrait, TestScoping {
    var roles: [ApplianceSpec.Role] = []

    func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void) async throws {
        try await PostgresCluster.with(configure: { try await VerifiedServer($0, roles: roles).install() }) { cluster in
            let server = try VerifiedServer(cluster, roles: roles)
            try await server.runSetup()
            try await VerifiedServer.$current.withValue(server) { try await function() }
        }
    }
}

extension Trait where Self == VerifiedServerTrait {
    static var verifiedServer: Self { VerifiedServerTrait() }
    /// - Parameter roles: beside the one of the default.
    static func verifiedServer(roles: [ApplianceSpec.Role]) -> Self { VerifiedServerTrait(roles: roles) }
}

import ApplianceModel
import Basics
import FoundationEssentials
import GuestImage
import HostSystem
import MachineBackend
import PostgresServer
import SpecFile
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment
@testable import QEMUBackend

/// An appliance whose guest's part is played by a PostgreSQL of this host: everything that a client's command reads is there and right, the
/// machine itself is not.
struct StandInAppliance: Sendable {
    let name = "orders"
    let home: PGKVMHome
    let cluster: PostgresCluster
    var directory: ApplianceDirectory { ApplianceDirectory(path: home.appliance(name)) }

    /// Makes one with roles and databases of the same names, runs `body` and removes it.
    static func with(names: [String] = ["app"], _ body: @Sendable (StandInAppliance) async throws -> Void) async throws {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.postgresql.roles = names.map { .init(name: $0) }
        spec.postgresql.databases = names.map { .init(name: $0, owner: $0) }
        let made = spec
        try await PGKVMHome.with { home in
            let authority = try CertificateAuthority.create(name: "pgkvm orders", now: Date())
            try await PostgresCluster.with(configure: { try await install(made, authority, on: $0) }) { cluster in
                let appliance = StandInAppliance(home: home, cluster: cluster)
                try await appliance.describe(made, authority)
                try await body(appliance)
            }
        }
    }

    private static func layout(_ cluster: PostgresCluster) -> ClusterLayout {
        ClusterLayout(
            version: cluster.majorVersion, clusterName: "main", dataDirectory: cluster.dataDirectory.string,
            configurationDirectory: cluster.configurationDirectory.string, logDirectory: cluster.directory.appending("log").string,
            socketDirectory: cluster.socketDirectory.string, port: cluster.port)
    }

    /// The files that a deployment writes into the guest.
    private static func install(_ spec: ApplianceSpec, _ authority: CertificateAuthority, on cluster: PostgresCluster) async throws {
        let configuration = ServerConfiguration(spec: spec, layout: layout(cluster))
        for file in try configuration.files() { try await cluster.write(file.text, to: cluster.configurationDirectory.appending(file.path)) }
        let issued = try authority.issueServer(names: [spec.name.rawValue], addresses: [], now: Date())
        try await cluster.write(issued.certificatePEM, to: FilePath(configuration.layout.serverCertificate))
        try await cluster.write(issued.keyPEM.withRevealed { $0 }, to: FilePath(configuration.layout.serverKey))
    }

    /// The files of the state directory, and roles and databases with the passwords that are in them.
    private func describe(_ spec: ApplianceSpec, _ authority: CertificateAuthority) async throws {
        try Files.createDirectory(directory.path)
        try Files.createDirectory(directory.machine().path)
        try Files.write(SpecFile.render(spec), to: directory.spec)
        try authority.save(to: directory)
        let deployment = DeploymentID.random()
        let cpu = CPUDecision(accelerator: .tcg, vcpus: 1, memory: .gibibytes(1))
        let machine = QEMUMachine(
            spec: MachineSpec(
                deployment: deployment, name: spec.name, cpu: cpu,
                disk: DiskDecision(cacheDirect: true, aio: .threads, ioThread: false, fileSystem: "ext4"),
                network: NetworkDecision(
                    mode: .user, macAddress: deployment.macAddress, sshPort: try Sockets.pickFreePort(), postgresqlPort: cluster.port),
                image: BaseImage(path: "/nonexistent", key: "none", format: .qcow2, firmware: .uefi), systemDisk: .init(), dataDiskSize: .gibibytes(1),
                adoptedDataDisk: nil), isComplete: true)
        let journal = try Journal(storage: FileJournalStorage(directory))
        try machine.save(to: directory.machine())
        try await journal.record(DeploymentFact(id: deployment))
        try await journal.record(CPUFact(decision: cpu))
        try await journal.record(MachineFact(reference: MachineReference(backend: .qemu, deployment: deployment, identifier: spec.name.rawValue)))
        try await journal.record(PackagesFact(version: cluster.majorVersion))
        try await journal.record(ConfigurationFact(digest: "", certificateEnd: Int64(saturating: Date().timeIntervalSince1970) + 86_400 * 300, place: nil))
        let context = DeploymentContext(
            spec: spec, directory: directory, backend: QEMUBackend(state: StateDirectory(path: home.path), program: PGKVMHome.program.string),
            images: ImageCache(directory: home.path.appending("images")), journal: journal)
        let content = try ServerContent(spec, version: cluster.majorVersion, place: .userNetworking)
        let passwords = try await StoredPasswords.prepare(context, hosts: content.hosts)
        try await cluster.psql(passwords.setupScript(for: spec, version: cluster.majorVersion).withRevealed { $0 })
    }
}

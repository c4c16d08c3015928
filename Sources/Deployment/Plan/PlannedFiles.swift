internal import ApplianceModel
internal import Basics
internal import BuiltinTemplates
internal import CloudInit
internal import MachineBackend
internal import PostgresServer
internal import Quoting
internal import SpecFile

/// Every file that a deployment of a spec renders. Secrets, and values that are chosen only during the deployment, are shown as placeholders.
struct PlannedFiles {
    let spec: ApplianceSpec
    /// Nil if only the guest knows it; what depends on it is then left out.
    let version: Int?
    let network: GuestNetwork
    let place: GuestPlace
    /// The deployment's id, or a placeholder for it.
    let deployment: String
    /// The UUID of the data disk's file system.
    let fileSystemUUID: String?
    let isAdopted: Bool

    func all() throws -> [PlannedFile] {
        let head = [PlannedFile(kind: .spec, target: "spec.yaml", owner: nil, mode: "0600", content: SpecFile.render(spec))]
        return try head + seed() + guest() + server() + scripts()
    }

    private func seed() throws -> [PlannedFile] {
        try SeedPreview.files(name: spec.name, instanceID: deployment, network: network).map {
            PlannedFile(kind: .seed, target: $0.name, owner: nil, mode: "0600", content: $0.text)
        }
    }

    private func guest() -> [PlannedFile] {
        [
            PlannedFile(
                kind: .guest, target: FirstBootCleanup.networkFile, owner: "root:root", mode: "0644",
                content: FirstBootCleanup.networkFilePreview(network))
        ]
    }

    private func server() throws -> [PlannedFile] {
        guard let version else { return [] }
        let content = try ServerContent(spec, version: version, place: place)
        let rendered = content.files.map {
            PlannedFile(
                kind: $0.path.begins(with: content.layout.configurationDirectory) ? .postgresql : .guest, target: $0.path, owner: $0.owner, mode: $0.mode,
                content: String(decoding: $0.content, as: UTF8.self))
        }
        let certified = content.names.joined(separator: ", ")
        return rendered + [
            PlannedFile(
                kind: .postgresql, target: content.layout.serverCertificate, owner: "postgres:postgres", mode: "0644",
                content: "<certificate of the server for \(certified), issued at the deployment by the appliance's own CA>\n"),
            PlannedFile(
                kind: .postgresql, target: content.layout.serverKey, owner: "postgres:postgres", mode: "0600",
                content: "<private key of the server, made at the deployment and never shown>\n"),
        ]
    }

    /// The scripts that root or the server's superuser runs in the guest.
    private func scripts() throws -> [PlannedFile] {
        func file(_ script: GuestScript, _ content: String) -> PlannedFile {
            PlannedFile(kind: .script, target: "\(script.rawValue).sh", owner: nil, mode: nil, content: content)
        }
        let uuid = fileSystemUUID ?? "<UUID of the file system, chosen at the deployment>"
        let disk = file(.prepareDataDisk, GuestScript.prepareDataDisk.text(uuid, MachineSpec.dataDiskSerial, isAdopted ? "adopted" : "new"))
        guard let version else { return [disk] }
        let (number, server) = ("\(version)", spec.postgresql)
        let filter = spec.network.mode == .user ? [] : [file(.filterPackets, GuestScript.filterPackets.text())]
        return [
            disk, file(.installPostgreSQL, GuestScript.installPostgreSQL.text(number, server.source.rawValue)),
            file(.initializeCluster, GuestScript.initializeCluster.text(number, server.locale, server.timeZone)),
            file(.registerCluster, GuestScript.registerCluster.text(number)),
        ] + filter + [
            file(.settleClock, GuestScript.settleClock.text()), file(.startCluster, GuestScript.startCluster.text(number, "restart")),
            PlannedFile(kind: .script, target: "setup.sql", owner: nil, mode: nil, content: try setup(version)),
            file(.introduceCluster, GuestScript.introduceCluster.text(number)),
        ]
    }

    private func setup(_ version: Int) throws -> String {
        let roles = DatabaseSetup.loginRoles(spec)
        let verifiers = Dictionary(roles.map { ($0, "<SCRAM verifier, made at the deployment from a password that is never shown>") }) { first, _ in first }
        return try DatabaseSetup(
            version: version, roles: spec.postgresql.roles, databases: spec.postgresql.databases, verifiers: verifiers
        ).script().withRevealed { $0 }
    }
}

internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import ProxmoxBackend
internal import Quoting
internal import Reports
internal import SpecFile
internal import SystemPackage
internal import Terminal
internal import Verification
internal import Workflow

struct ProxmoxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxmox", abstract: "Work with a Proxmox VE server.",
        discussion: "EXAMPLE\n  pgkvm proxmox check orders.yaml", subcommands: [ProxmoxCheckCommand.self])
}

struct ProxmoxCheckCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say what a server is and has, and which rights the API token lacks.",
        discussion: """
            Exits with 2 when a deployment would be refused. The token is in the file that is named, else in $PGKVM_PROXMOX_TOKEN, else the
            credential pgkvm-proxmox-token of a systemd service: a line HOST USER@REALM!TOKENID=UUID for each server.

            EXAMPLES
              pgkvm proxmox check orders.yaml
              pgkvm proxmox check --url https://pve1.example.org:8006 --ca-file pve-root-ca.pem --token-file token
            """)

    @Argument(help: ArgumentHelp("A spec file with a section 'machine.proxmox'", valueName: "spec.yaml"), completion: .file(extensions: ["yaml", "yml"]))
    var file: String?
    @Option(help: ArgumentHelp("The API, such as https://pve1.example.org:8006", valueName: "url")) var url: String?
    @Option(help: ArgumentHelp("File with the API token", valueName: "file"), completion: .file()) var tokenFile: String?
    @Option(help: ArgumentHelp("Certificate authority of the server", valueName: "file"), completion: .file()) var caFile: String?
    @Option(help: ArgumentHelp("SHA-256 of the server's certificate, instead of an authority", valueName: "fingerprint")) var fingerprint: String?
    @Option(help: ArgumentHelp("Bridge that the machines are to be on", valueName: "bridge")) var bridge: String?
    @OptionGroup var output: FormatOption
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func run() async throws {
        let (connection, spec, bridge) = try wanted()
        let deployment = if let name = spec?.name { try? await Composition.environment().deployment(of: name) } else { DeploymentID?.none }
        let findings = try await ProgressRenderer.current.activity("proxmox-check", "Ask '\(connection.url)'") {
            await ProxmoxCheck(connection: connection, spec: spec, deployment: deployment, bridge: bridge, environment: EnvironmentVariable.value).run()
        }
        if output.format == .json {
            try Terminal.printJSON(findings)
        } else {
            Terminal.print(TextReport.findings(findings, style: Terminal.style), style: Terminal.style)
        }
        guard findings.allPassed else { throw ExitCode(ExitStatus.checksFailed) }
    }

    /// The values of the file, with the options applied to them.
    private func wanted() throws -> (ProxmoxConnection, ApplianceSpec?, bridge: String?) {
        let spec = try file.map { try SpecFile.parse(Files.read(FilePath($0), atMost: SpecFile.readLimit), file: $0) }
        guard let url = url ?? spec?.machine.proxmox?.url else {
            throw Failure(.invalidInput, "no server is named", remedy: "give a spec file with 'machine.proxmox', or --url")
        }
        var connection = spec?.machine.proxmox.map { ProxmoxConnection($0) } ?? ProxmoxConnection(url: url)
        connection.url = url
        if let tokenFile { connection.tokenFile = try Self.absolute(tokenFile) }
        if let caFile { connection.trust = .authority(try Self.absolute(caFile)) }
        if let fingerprint { connection.trust = .fingerprint(fingerprint) }
        return (connection, spec, bridge ?? spec?.network.device)
    }

    private static func absolute(_ path: String) throws -> FilePath { path.begins(with: "/") ? FilePath(path) : try Files.currentDirectory().appending(path) }
}

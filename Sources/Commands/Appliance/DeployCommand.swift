internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import HostSystem
internal import Quoting
internal import SpecFile
internal import SystemPackage
internal import Terminal
internal import Workflow

struct DeployCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy", abstract: "Deploy an appliance, or carry on a deployment.",
        discussion: """
            The same command run again after a failure, a kill or a reboot carries on where it stood. On a finished deployment it changes nothing; with \
            another spec it makes the changes that can be made and refuses the others ('pgkvm plan' shows which).

            EXAMPLES
              pgkvm deploy orders
              pgkvm deploy orders --vcpus 4 --memory 8GiB --data-disk 100GiB --profile oltp
              pgkvm deploy spec.yaml
              pgkvm deploy orders --memory 16GiB --restart
            """)

    @Argument(help: "Name of the appliance, or a spec file (*.yaml)", completion: .appliancesAndSpecFiles)
    var target: String
    @OptionGroup var overrides: SpecOptions
    @Option(help: ArgumentHelp("What to do with the work of a run that fails: keep, revert or ask", valueName: "policy"))
    var onError: OnError = .keep
    @Option(help: ArgumentHelp("Seconds that the guest may print nothing while booting", valueName: "seconds"))
    var bootPatience: Int = 300
    @Flag(help: "Restart server or machine where a change of the spec needs it")
    var restart = false
    @Flag(help: "Replace configuration files of pgkvm's that were edited by hand in the guest")
    var overwrite = false
    @Flag(help: "Print what each step took, and the tool's own share")
    var timings = false
    @OptionGroup var output: FormatOption
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func validate() throws {
        guard bootPatience > 0 else { throw ValidationError("--boot-patience takes a positive number of seconds") }
    }

    func run() async throws {
        let started = ContinuousClock.now
        let spec = try overrides.spec(for: target)
        let renderer = ProgressRenderer.current
        let environment = try Composition.environment()
        try environment.checkTrust(spec.name)
        DebugLog.current?.keep(in: environment.state.appliance(spec.name).debugLog)
        let gate: any Gate =
            onError == .ask && Terminal.isInputTTY && output.format == .text ? AskingGate() : UnattendedGate(onError: onError)
        let deployer = Deployer(
            environment: environment, gate: gate, sink: renderer, bootPatience: .seconds(bootPatience),
            leave: Leave(
                restart: { [restart, output] in restart || (output.format == .text && Self.asksForRestart($0)) },
                overwriting: { [overwrite, output] in overwrite || (output.format == .text && Self.asksToOverwrite($0)) }),
            places: try overrides.places(of: target))
        let (appliance, outcome) = try await deployer.deploy(spec)
        renderer.finish()
        if timings { renderer.note(TimingsText.render(outcome, wall: .now - started, waiting: WaitingTime.total)) }
        try await report(appliance, outcome)
    }

    private static func asksForRestart(_ changes: [PlannedChange]) -> Bool {
        let lines = changes.map { "  \(PlanText.line($0))" }.joined(separator: "\n")
        return ["y", "yes"].contains(Terminal.ask("These changes need a restart, which ends every connection:\n\(lines)\nRestart now? [y/N] ")?.lowercased())
    }

    private static func asksToOverwrite(_ lines: [String: [String]]) -> Bool {
        let text = Leave.lines(lines).map { "  \($0)" }.joined(separator: "\n")
        return ["y", "yes"].contains(
            Terminal.ask("These lines were added by hand in the guest, and would be lost:\n\(text)\nRemove them? [y/N] ")?.lowercased())
    }

    private func report(_ appliance: Appliance, _ outcome: RunOutcome) async throws {
        switch outcome.result {
        case .completed:
            let summary = try await ApplianceSummary.of(appliance, changed: outcome.changed)
            if output.format == .json { try Terminal.printJSON(summary) } else { Terminal.print(summary.text) }
        case .failed(let step, let error):
            ProgressRenderer.current.fail(at: step, error)
            let isTakenBack = (error as? Failure).map { [.changeTakenBack, .specRefused, .serverEdited, .restartNeeded].contains($0.code) } == true
            if !isTakenBack || outcome.reverted { ProgressRenderer.current.note(leftBehind(appliance, outcome)) }
            throw ExitCode((error as? Failure).map(ExitStatus.of) ?? ExitStatus.failed)
        case .cancelled(let step):
            ProgressRenderer.current.interrupted(at: step)
            ProgressRenderer.current.note(leftBehind(appliance, outcome))
            throw ExitCode(ExitStatus.interrupted)
        }
    }

    private func leftBehind(_ appliance: Appliance, _ outcome: RunOutcome) -> String {
        let name = appliance.name
        if outcome.reverted { return "what this run did was undone" }
        var lines = outcome.revertFailures.map { "'\($0.step)' could not be undone: \(FailureText.render($0.error))" }
        lines.append("what was done stays" + (Files.exists(appliance.directory.evidence) ? "; the evidence is in \(appliance.directory.evidence)" : ""))
        lines += ["  to carry on:  pgkvm deploy \(name)", "  to remove it: pgkvm delete \(name)"]
        return lines.joined(separator: "\n")
    }
}

extension OnError: ExpressibleByArgument {}

/// Spec values on the command line; each overrides the file's.
struct SpecOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Virtual processors (2)", valueName: "number")) var vcpus: Int?
    @Option(help: ArgumentHelp("Memory (2GiB)", valueName: "size")) var memory: ByteSize?
    @Option(help: ArgumentHelp("Data disk (10GiB)", valueName: "size")) var dataDisk: ByteSize?
    @Option(help: ArgumentHelp("System disk (8GiB)", valueName: "size")) var systemDisk: ByteSize?
    @Option(help: ArgumentHelp("debian-13, debian-12, or an image of the cache", valueName: "image"), completion: .images) var image: String?
    @Option(help: "auto takes KVM when it works") var accelerator: AcceleratorChoice?
    @Option(help: "What the settings are tuned for") var profile: ApplianceSpec.PostgreSQL.Profile?
    @Option(help: ArgumentHelp("Major version of PostgreSQL", valueName: "version")) var postgresqlVersion: Int?
    @Option(help: "Where PostgreSQL's packages come from") var packageSource: ApplianceSpec.PostgreSQL.PackageSource?
    @Option(help: ArgumentHelp("Port on 127.0.0.1 for PostgreSQL", valueName: "port")) var port: UInt16?
    @Option(help: ArgumentHelp("Port on 127.0.0.1 for SSH", valueName: "port")) var sshPort: UInt16?
    @Option(help: "What carries the machine (qemu); the rest of libvirt and proxmox is in the spec file") var backend: BackendKind?
    @Option(help: ArgumentHelp("The libvirt daemon (qemu:///system), with '--backend libvirt'", valueName: "uri")) var libvirtURI: String?
    @Option(help: ArgumentHelp("Connect the guest to this network of libvirt's", valueName: "network")) var nat: String?
    @Option(help: ArgumentHelp("Connect the guest to this bridge of the host", valueName: "device")) var bridge: String?
    @Option(help: ArgumentHelp("Connect the guest to this tap device of the host", valueName: "device")) var tap: String?
    @Option(help: ArgumentHelp("The guest's address: dhcp, static (with user networking), or such as 192.168.1.20/24", valueName: "address"))
    var address: ApplianceSpec.Network.Address?
    @Option(help: ArgumentHelp("Router, with an address of the guest's own", valueName: "address")) var gateway: IPv4Address?
    @Option(help: ArgumentHelp("Name server, with an address of the guest's own; may be repeated", valueName: "address")) var nameServer: [IPv4Address] = []
    @Option(help: ArgumentHelp("Network whose clients may connect; may be repeated", valueName: "network")) var allowFrom: [IPv4Network] = []
    @Option(help: ArgumentHelp("Directory that 'delete --keep-data' left", valueName: "directory"), completion: .directory) var adopt: String?

    /// The spec for a file or a name, with the options applied to it, checked as a whole.
    func spec(for target: String) throws -> ApplianceSpec {
        var spec = try base(target)
        if let vcpus { spec.machine.vcpus = vcpus }
        if let memory { spec.machine.memory = memory }
        if let dataDisk { spec.dataDisk.size = dataDisk }
        if let systemDisk { spec.machine.systemDisk.size = systemDisk }
        if let image { spec.machine.image = ImageChoice(image) }
        if let accelerator { spec.machine.accelerator = accelerator }
        if let profile { spec.postgresql.profile = profile }
        if let postgresqlVersion { spec.postgresql.version = postgresqlVersion }
        if let packageSource { spec.postgresql.source = packageSource }
        if let port { spec.network.postgresqlPort = port }
        if let sshPort { spec.network.sshPort = sshPort }
        if let backend { spec.machine.backend = backend }
        if let libvirtURI {
            spec.machine.libvirt = spec.machine.libvirt ?? ApplianceSpec.Libvirt()
            spec.machine.libvirt?.uri = libvirtURI
        }
        if let nat { (spec.network.mode, spec.network.device) = (.nat, nat) }
        if let bridge { (spec.network.mode, spec.network.device) = (.bridge, bridge) }
        if let tap { (spec.network.mode, spec.network.device) = (.tap, tap) }
        if let address { spec.network.address = address }
        if let gateway { spec.network.gateway = gateway }
        if !nameServer.isEmpty { spec.network.nameServers = nameServer }
        if !allowFrom.isEmpty { spec.postgresql.allowFrom = allowFrom }
        if let adopt { spec.dataDisk.adopt = adopt }
        try SpecRules.check(spec, source: target)
        return spec
    }

    /// Where the keys that `spec(for:)` reads are in their files.
    func places(of target: String) throws -> SpecPlaces {
        if Self.isFile(target) { return SpecPlaces(try Files.read(FilePath(target)), file: target) }
        guard let name = ApplianceName(target), let stored = try stored(name) else { return SpecPlaces() }
        return SpecPlaces(try Files.readRegular(stored), file: stored.string)
    }

    private func stored(_ name: ApplianceName) throws -> FilePath? {
        let directory = try Composition.environment().state.appliance(name)
        return [directory.wantedSpec, directory.spec].first { Files.exists($0) }
    }

    /// Whether a word is a spec file, and not the name of an appliance.
    static func isFile(_ target: String) -> Bool { target.ends(with: ".yaml") || target.ends(with: ".yml") || target.holds("/") }

    private func base(_ target: String) throws -> ApplianceSpec {
        guard Self.isFile(target) else {
            guard let name = ApplianceName(target) else {
                throw Failure(.invalidInput, "'\(target)' is not an appliance name", remedy: "a name has \(ApplianceName.rule)")
            }
            // For an existing appliance, the base is the spec that was requested last, even if it is not in force yet.
            guard let stored = try stored(name) else { return ApplianceSpec(name: name) }
            return try SpecFile.parse(Files.readRegular(stored), file: stored.string)
        }
        return try SpecFile.parse(Files.read(FilePath(target), atMost: SpecFile.readLimit), file: target)
    }
}

extension ByteSize: ExpressibleByArgument {
    /// Reads a size as the spec file does.
    public init?(argument: String) { self.init(argument) }
}
extension AcceleratorChoice: ExpressibleByArgument {}
extension BackendKind: ExpressibleByArgument {}
extension ApplianceSpec.PostgreSQL.Profile: ExpressibleByArgument {}
extension ApplianceSpec.PostgreSQL.PackageSource: ExpressibleByArgument {}
extension ApplianceSpec.Network.Address: ExpressibleByArgument {
    /// Reads an address as the spec file does.
    public init?(argument: String) { self.init(argument) }
}
extension IPv4Address: ExpressibleByArgument {
    /// Reads four decimal numbers.
    public init?(argument: String) { self.init(argument) }
}
extension IPv4Network: ExpressibleByArgument {
    /// Reads CIDR notation.
    public init?(argument: String) { self.init(argument) }
}

internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import Guide
internal import HostSystem
internal import SpecFile
internal import SystemPackage
internal import Terminal
internal import Workflow

struct GuideCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "guide", abstract: "Deploy an appliance step by step, with explanations.",
        discussion: """
            Explains each choice, says what was found on this host and what is recommended, checks each answer at once, and shows the commands that \
            a person would type by hand for QEMU, libvirt and Proxmox VE. Nothing is made before the review. It ends with a commented spec file, from \
            which 'pgkvm deploy' does the same without a question. Every answer is kept: after Ctrl-C, a lost connection or 'q' the next \
            'pgkvm guide NAME' carries on.

            It needs a terminal, and asks nothing without one.

            EXAMPLES
              pgkvm guide orders
              pgkvm guide orders.yaml
              pgkvm guide orders --plain
              ssh -t HOST pgkvm guide orders
            """)

    @Argument(
        help: "Name of the appliance, or a spec file (*.yaml) with the answers to begin with; asked for when it is left out",
        completion: .appliancesAndSpecFiles)
    var target: String?
    @Flag(help: "One line after the other, without colour, columns and pauses: for screen readers and slow lines")
    var plain = false
    @Option(help: ArgumentHelp("Seconds that the guest may print nothing while booting", valueName: "seconds"))
    var bootPatience: Int = 300
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func validate() throws {
        guard bootPatience > 0 else { throw ValidationError("--boot-patience takes a positive number of seconds") }
        guard progress.mode != .json else { throw ValidationError("--progress json is for programs, and the guide asks questions: pgkvm deploy takes it") }
    }

    func run() async throws {
        let terminal = try LineTerminal(isPlain: plain)
        let surroundings = Surroundings(environment: try Composition.environment(), workingDirectory: try Files.currentDirectory())
        let sink: any EventSink = plain ? ProgressRenderer(.plain, quiet: progress.quiet, verbosity: progress.verbosity) : ProgressRenderer.current
        let guide = Guide(surroundings, terminal: terminal, sink: sink, bootPatience: .seconds(bootPatience))
        switch try await guide.run(resolved(surroundings)) {
        case .deployed(let name, let spec): printReplay(spec.map(surroundings.shown) ?? name.rawValue)
        case .saved(let spec): printReplay(surroundings.shown(spec))
        case .unchanged, .stopped: break
        case .interrupted: throw ExitCode(ExitStatus.interrupted)
        case .failed(let error): throw ExitCode((error as? Failure).map(ExitStatus.of) ?? ExitStatus.failed)
        }
    }

    private func resolved(_ surroundings: Surroundings) throws -> GuideTarget {
        guard let target else { return .open }
        guard SpecOptions.isFile(target) else {
            guard let name = ApplianceName(target) else {
                throw Failure(.invalidInput, "'\(target)' is not an appliance name", remedy: "a name has \(ApplianceName.rule)")
            }
            return .name(name)
        }
        let path = surroundings.absolute(target)
        return .file(path, try SpecFile.parse(Files.read(path, atMost: SpecFile.readLimit), file: target))
    }

    /// Prints the result on standard output: the command that does the same without questions.
    private func printReplay(_ target: String) { Terminal.printDocument("pgkvm deploy \(PlanText.quoted(target))") }
}

internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import Reports
internal import Terminal
internal import Workflow

struct DoctorCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say whether this host can run appliances, and what is missing.",
        discussion: "Exits with 2 when a deployment would be refused.\n\nEXAMPLE\n  pgkvm doctor")

    @Option(help: ArgumentHelp("Accelerator to check for", valueName: "accelerator")) var accelerator: AcceleratorChoice = .auto
    @OptionGroup var output: FormatOption
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func run() async throws {
        let findings = try await ProgressRenderer.current.activity("doctor", "Examine this host") {
            try await HostDoctor.examine(Composition.environment(), accelerator: accelerator)
        }
        if output.format == .json {
            try Terminal.printJSON(findings)
        } else {
            Terminal.print(TextReport.findings(findings, style: Terminal.style), style: Terminal.style)
        }
        guard findings.allPassed else { throw ExitCode(ExitStatus.checksFailed) }
    }
}

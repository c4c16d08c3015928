internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import Verification

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say whether this host can run appliances, and what is missing.",
        discussion: "Exits with 2 when a deployment would be refused.\n\nEXAMPLE\n  pgkvm doctor")

    @Option(help: ArgumentHelp("Accelerator to check for", valueName: "accelerator")) var accelerator: AcceleratorChoice = .auto
    @OptionGroup var output: FormatOption

    func run() async throws {
        let findings = try await HostDoctor.examine(Composition.environment(), accelerator: accelerator)
        if output.format == .json { try Terminal.printJSON(findings) } else { Terminal.print(TextReport.findings(findings, style: Terminal.style)) }
        guard findings.allPassed else { throw ExitCode(ExitStatus.checksFailed) }
    }
}

internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import HostSystem
internal import SystemPackage
internal import Terminal
internal import Workflow

struct DiagnoseCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "diagnose", abstract: "Put the evidence about an appliance into one archive, without its secrets.",
        discussion: """
            Spec, journal, state, QEMU's command and log, the host, the last reports, and logs of the guest where it answers. Prints the archive's name; \
            only its owner can read it. PostgreSQL's log can hold data of its users: look at the archive before you send it, or leave the logs out.

            EXAMPLES
              pgkvm diagnose orders
              pgkvm diagnose orders --without-logs --output /tmp/orders.tar.gz
            """)

    @OptionGroup var appliance: NameArgument
    @Option(help: ArgumentHelp("The archive (pgkvm-NAME-TIME.tar.gz in the current directory)", valueName: "file"), completion: .file()) var output: String?
    @Flag(help: "Leave out what the guest wrote: PostgreSQL's log, its journal, cloud-init's log, the console") var withoutLogs = false
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func run() async throws {
        let opened = try appliance.openForWork()
        let renderer = ProgressRenderer.current
        let stem = DiagnosisArchive.stem(opened.name)
        let path = FilePath(output ?? "\(stem).tar.gz")
        let entries = try await renderer.activity("diagnose", "Gather the evidence about '\(opened.name)'") {
            let entries = try await Diagnosis(opened, withLogs: !withoutLogs, version: Version.text).collect { StepProgress.report("looking: \($0)") }
            try await DiagnosisArchive.write(entries, directory: stem, to: path)
            return entries
        }
        renderer.note("inside: \(entries.map(\.name).joined(separator: ", "))")
        renderer.note(
            withoutLogs
                ? "passwords and private keys were taken out, the guest's logs left out; look at it before you send it"
                : "passwords and private keys were taken out; the logs of the guest can hold data of its users: look at them before you send it, or use --without-logs"
        )
        Terminal.printDocument("\(path)")
    }
}

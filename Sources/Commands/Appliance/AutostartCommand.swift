internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import Terminal

struct AutostartCommand: AsyncParsableCommand {
    enum Choice: String, ExpressibleByArgument, CaseIterable { case on, off }

    static let configuration = CommandConfiguration(
        commandName: "autostart", abstract: "Say whether an appliance starts with this host, or change it.",
        discussion: """
            On by default where systemd runs the host and keeps what this user starts. Elsewhere appliances are plain processes.

            EXAMPLES
              pgkvm autostart orders
              pgkvm autostart orders off
            """)

    @OptionGroup var appliance: NameArgument
    @Argument(help: "on or off; without, the state is shown") var choice: Choice?
    @OptionGroup var output: FormatOption

    func run() async throws {
        let opened = try appliance.open()
        if let choice { try await opened.setAutostart(choice == .on) }
        let summary = AutostartSummary(name: opened.name, try await opened.autostart())
        if output.format == .json { try Terminal.printJSON(summary) } else { Terminal.print(summary.text) }
    }
}

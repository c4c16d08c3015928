internal import ArgumentParser

/// The root command.
struct PGKVMCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pgkvm",
        abstract: "Deploy and verify PostgreSQL appliances in KVM guests.",
        discussion: """
            EXAMPLES
              pgkvm guide orders
              pgkvm deploy orders --vcpus 2 --memory 4GiB --data-disk 20GiB
              psql "$(pgkvm connection orders)"
              pgkvm verify orders
              pgkvm delete orders
            """,
        version: Version.text,
        subcommands: [OpenNetworkCommand.self, StartPasstCommand.self, RelayFramesCommand.self, RunMachineCommand.self, EndMachineCommand.self],
        groupedSubcommands: [
            CommandGroup(name: "Plan", subcommands: [GuideCommand.self, PlanCommand.self, SpecCommand.self, ExportCommand.self]),
            CommandGroup(
                name: "Deploy and verify",
                subcommands: [DeployCommand.self, VerifyCommand.self, ReportCommand.self, DoctorCommand.self, ImageCommand.self, ProxmoxCommand.self]),
            CommandGroup(
                name: "Use",
                subcommands: [ConnectionCommand.self, PSQLCommand.self, ForwardCommand.self, SSHCommand.self, ConsoleCommand.self, LogsCommand.self]),
            CommandGroup(name: "Watch", subcommands: [TopCommand.self, PriorityCommand.self, AutostartCommand.self, DiagnoseCommand.self]),
            CommandGroup(
                name: "Manage",
                subcommands: [
                    ListCommand.self, StatusCommand.self, StartCommand.self, StopCommand.self, RestartCommand.self, DeleteCommand.self,
                ]),
        ])
}

enum Version {
    static let text = "0.1.0"
}

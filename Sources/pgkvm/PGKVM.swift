internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import Glibc
internal import UnixSignals

/// The entry: parses, runs, and turns what happened into text and an exit status.
@main
struct PGKVM {
    static func main() async {
        // Nothing that this program or its children make is for others to read.
        umask(0o077)
        // A pipe that its reader closed ends a write with an error, not the program.
        signal(SIGPIPE, SIG_IGN)
        do {
            let command = try PGKVMCommand.parseAsRoot()
            try await interruptibly(command)
        } catch let error as Failure {
            Terminal.error(FailureText.render(error))
            exit(ExitStatus.of(error))
        } catch is CancellationError {
            Terminal.error("interrupted")
            exit(ExitStatus.interrupted)
        } catch {
            PGKVMCommand.exit(withError: error)
        }
    }

    /// SIGINT and SIGTERM cancel the command; nothing else traps signals. A second one ends the program at once, which the
    /// journal survives.
    private static func interruptibly(_ command: any ParsableCommand) async throws {
        let signals = await UnixSignalsSequence(trapping: [.sigint, .sigterm])
        // The command is used by the task alone.
        nonisolated(unsafe) var command = command
        let work = Task {
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        }
        let listener = Task {
            var count = 0
            for await _ in signals {
                count += 1
                if count > 1 { exit(ExitStatus.interrupted) }
                work.cancel()
            }
        }
        defer { listener.cancel() }
        try await work.value
    }
}

/// The exit statuses of the program.
enum ExitStatus {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    static let checksFailed: Int32 = 2
    static let usage: Int32 = 64
    static let interrupted: Int32 = 130

    static func of(_ failure: Failure) -> Int32 {
        switch failure.code {
        case .checksFailed: checksFailed
        default: failed
        }
    }
}

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
        groupedSubcommands: [
            CommandGroup(name: "Plan", subcommands: [GuideCommand.self, PlanCommand.self, SpecCommand.self, ExportCommand.self]),
            CommandGroup(
                name: "Deploy and verify", subcommands: [DeployCommand.self, VerifyCommand.self, ReportCommand.self, DoctorCommand.self, ImageCommand.self]),
            CommandGroup(
                name: "Use", subcommands: [ConnectionCommand.self, PSQLCommand.self, SSHCommand.self, ConsoleCommand.self, LogsCommand.self]),
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

internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import Glibc
internal import HostSystem
internal import PostgresClient
internal import UnixSignals

/// The entry: parses, runs, and turns what happened into text and an exit status.
@main
struct PGKVM {
    static func main() async {
        OwnMemory.hide()
        // Nothing that this program or its children make is for others to read.
        umask(0o077)
        // Neither pgkvm's own sessions nor the programs that it starts connect as the caller's other work does.
        HostEnvironment.remove(where: ClientEnvironment.isLibpqs)
        // A pipe that its reader closed ends a write with an error, not the program.
        signal(SIGPIPE, SIG_IGN)
        let command: any ParsableCommand
        do {
            command = try PGKVMCommand.parseAsRoot()
        } catch {
            CommandSuggestion.exit(withError: error)
        }
        if let command = command as? any WholeProcessCommand { exit(outcome(of: command)) }
        let renderer = (command as? any WatchedCommand).map { ProgressRenderer($0.progress) } ?? ProgressRenderer()
        let log = command is any WatchedCommand ? CommandLog.begin { renderer.show($0, $1) } : nil
        let end = await DebugLog.$current.withValue(log) {
            await ProgressRenderer.$current.withValue(renderer) { await outcome(of: command, renderer) }
        }
        let status: Int32 =
            switch end {
            case .status(let status): status
            case .other(let error): PGKVMCommand.exitCode(for: error).rawValue
            }
        log?.write(.info, "exit status \(status)", echoes: false)
        // Such as a request for help: the parser knows what to print.
        if case .other(let error) = end { CommandSuggestion.end(error) }
        exit(status)
    }

    private static func outcome(of command: any WholeProcessCommand) -> Int32 {
        do {
            return try command.stay()
        } catch let failure as Failure {
            ProgressRenderer().fail(failure)
            return ExitStatus.of(failure)
        } catch {
            ProgressRenderer().fail(Failure(.programFailed, "cannot do its part for a machine", cause: error))
            return ExitStatus.failed
        }
    }

    private enum Outcome: Sendable {
        case status(Int32)
        case other(any Error)
    }

    /// Runs a command to its end, and says how it failed.
    private static func outcome(of command: any ParsableCommand, _ renderer: ProgressRenderer) async -> Outcome {
        do {
            try await interruptibly(command)
            renderer.finish()
            return .status(ExitStatus.done)
        } catch {
            renderer.finish()
            switch error {
            case let failure as Failure:
                renderer.fail(failure)
                return .status(ExitStatus.of(failure))
            case is CancellationError:
                renderer.interrupted()
                return .status(ExitStatus.interrupted)
            case let code as ExitCode: return .status(code.rawValue)
            default: return .other(error)
            }
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

/// A command that is this whole process: no task, no thread and no signal handler beside it.
///
/// The library gives up rights for all threads but those that are ending, and the first thread of a program with tasks waits in its own end: it
/// would keep the rights.
protocol WholeProcessCommand: ParsableCommand {
    /// - Returns: the exit status.
    func stay() throws -> Int32
}

extension WholeProcessCommand {
    func run() throws { throw ExitCode(try stay()) }
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

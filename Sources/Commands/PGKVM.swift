internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import Glibc
internal import HostSystem
internal import PostgresClient
internal import UnixSignals

/// The whole program: it parses, runs, and turns the outcome into text and an exit status.
package enum PGKVM {
    /// Runs the command line of this process, and ends the process with its exit status.
    package static func main() async {
        OwnMemory.hide()
        // Files that this program or its children create must not be readable by other users.
        umask(0o077)
        // Neither pgkvm's own sessions nor the programs that it starts may use the caller's libpq settings for other work.
        HostEnvironment.remove(where: ClientEnvironment.isLibpqs)
        // If the reader closes the pipe, a write fails with an error instead of ending the program.
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
        // For example a request for help: the parser knows what to print.
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

    /// Runs a command to its end, and reports a failure.
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

    /// SIGINT and SIGTERM cancel the command; no other code traps signals. A second signal ends the program at once, which the journal survives.
    private static func interruptibly(_ command: any ParsableCommand) async throws {
        let signals = await UnixSignalsSequence(trapping: [.sigint, .sigterm])
        // Only the task uses the command.
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

internal import ArgumentParser

/// The forms in which a command reports its progress.
enum ProgressMode: String, ExpressibleByArgument, CaseIterable { case auto, plain, json, none }

/// What standard error shows while a command runs.
struct ProgressOptions: ParsableArguments {
    @Option(
        name: .customLong("progress"),
        help: ArgumentHelp("auto: one line that is rewritten on a terminal, plain lines elsewhere; json: one event a line", valueName: "form"))
    var mode: ProgressMode = .auto
    @Flag(help: "Only errors and the result") var quiet = false
    @Flag(name: .customShort("v"), help: "Show what the debug log is told: the programs that run; -vv also SSH and QEMU's monitor")
    var verbosity: Int

    func validate() throws {
        guard quiet else { return }
        if mode != .auto, mode != .none { throw ValidationError("--quiet and --progress \(mode.rawValue) contradict each other") }
        if verbosity > 0 { throw ValidationError("--quiet and -v contradict each other") }
    }
}

/// A command that may take longer than two seconds: it reports its progress.
protocol WatchedCommand: AsyncParsableCommand {
    var progress: ProgressOptions { get }
}

internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import SystemPackage

struct StartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start an appliance and wait until PostgreSQL answers.", discussion: "EXAMPLE\n  pgkvm start orders")

    @OptionGroup var appliance: NameArgument

    func run() async throws {
        for warning in try await appliance.open().start() { Terminal.error("warning: \(warning)") }
    }
}

/// How a guest is brought to a stop.
struct StopOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Seconds that the guest may take to shut down", valueName: "seconds"))
    var grace: Int = 300
    @Flag(help: "Cut its power instead: the database recovers at the next start") var force = false

    func validate() throws {
        guard grace > 0 else { throw ValidationError("--grace takes a positive number of seconds") }
    }
}

struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Shut an appliance down and wait until it is off.", discussion: "EXAMPLE\n  pgkvm stop orders")

    @OptionGroup var appliance: NameArgument
    @OptionGroup var options: StopOptions

    func run() async throws { try await appliance.open().stop(grace: .seconds(options.grace), force: options.force) }
}

struct RestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stop and start an appliance.", discussion: "EXAMPLE\n  pgkvm restart orders")

    @OptionGroup var appliance: NameArgument
    @OptionGroup var options: StopOptions

    func run() async throws {
        let opened = try appliance.open()
        try await opened.stop(grace: .seconds(options.grace), force: options.force)
        for warning in try await opened.start() { Terminal.error("warning: \(warning)") }
    }
}

struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Remove an appliance and everything in it.",
        discussion: """
            Asks for the name; a script says it with --confirm.

            EXAMPLES
              pgkvm delete orders
              pgkvm delete orders --confirm orders --keep-data
            """)

    @OptionGroup var appliance: NameArgument
    @Option(help: ArgumentHelp("The name again, instead of being asked", valueName: "name")) var confirm: String?
    @Flag(help: "Keep the data disk with its CA and passwords, for 'data.adopt' in a spec") var keepData = false
    @Option(help: ArgumentHelp("Seconds that the guest may take to shut down before its data is kept", valueName: "seconds")) var grace: Int = 300

    func run() async throws {
        let opened = try appliance.open()
        let name = opened.name.rawValue
        let what = keepData ? "the appliance '\(name)', keeping its data" : "the appliance '\(name)' and its database"
        guard let answer = confirm ?? Terminal.ask("This removes \(what). Type its name to go on: ") else {
            throw Failure(.invalidInput, "nobody is there to confirm the removal of '\(name)'", remedy: "pgkvm delete \(name) --confirm \(name)")
        }
        guard answer == name else {
            throw Failure(.invalidInput, "'\(answer)' is not '\(name)': nothing was removed")
        }
        if keepData {
            let kept = try await opened.deleteKeepingData(grace: .seconds(grace))
            Terminal.print("\(kept)")
        } else {
            try await opened.delete()
        }
    }
}

internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import MachineBackend
internal import SystemPackage
internal import Terminal
internal import Workflow

struct StartCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start an appliance and wait until PostgreSQL answers.", discussion: "EXAMPLE\n  pgkvm start orders")

    @OptionGroup var appliance: NameArgument
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func run() async throws { try await Power.start(appliance.openForWork()) }
}

/// Starting and stopping, with the events that are reported meanwhile.
private enum Power {
    static func start(_ appliance: Appliance, position: Int = 1, of count: Int = 1) async throws {
        let renderer = ProgressRenderer.current
        let warnings = try await renderer.activity("start", "Start '\(appliance.name)'", position: position, of: count) { try await appliance.start() }
        for warning in warnings { renderer.warn(warning) }
    }

    static func stop(_ appliance: Appliance, _ options: StopOptions, of count: Int = 1) async throws {
        try await ProgressRenderer.current.activity("stop", "Stop '\(appliance.name)'", of: count) {
            try await appliance.stop(grace: .seconds(options.grace), force: options.force)
        }
    }
}

/// How to stop a guest.
struct StopOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Seconds that the guest may take to shut down", valueName: "seconds"))
    var grace: Int = 300
    @Flag(help: "Cut its power instead: the database recovers at the next start") var force = false

    func validate() throws {
        guard grace > 0 else { throw ValidationError("--grace takes a positive number of seconds") }
    }
}

struct StopCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Shut an appliance down and wait until it is off.", discussion: "EXAMPLE\n  pgkvm stop orders")

    @OptionGroup var appliance: NameArgument
    @OptionGroup var options: StopOptions
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func run() async throws {
        guard let damaged = try appliance.damaged() else { return try await Power.stop(appliance.openForWork(), options) }
        let renderer = ProgressRenderer.current
        try await renderer.activity("stop", "Stop '\(damaged.name)'") {
            try await damaged.stop(grace: .seconds(options.grace), force: options.force)
        }
        renderer.warn("\(FailureText.render(damaged.damage))")
    }
}

struct RestartCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stop and start an appliance.", discussion: "EXAMPLE\n  pgkvm restart orders")

    @OptionGroup var appliance: NameArgument
    @OptionGroup var options: StopOptions
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func run() async throws {
        let opened = try appliance.openForWork()
        try await Power.stop(opened, options, of: 2)
        try await Power.start(opened, position: 2, of: 2)
    }
}

struct DeleteCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Remove an appliance and everything in it.",
        discussion: """
            Asks for the name; a script says it with --confirm.

            EXAMPLES
              pgkvm delete orders
              pgkvm delete orders --confirm orders --keep-data
              pgkvm delete orders --forget
            """)

    @OptionGroup var appliance: NameArgument
    @Option(help: ArgumentHelp("The name again, instead of being asked", valueName: "name")) var confirm: String?
    @Flag(help: "Keep the data disk with its CA and passwords, for 'data.adopt' in a spec") var keepData = false
    @Flag(help: "Remove what this host has of it and leave the machine at a libvirt daemon or a Proxmox server that is gone for good") var forget = false
    @Option(help: ArgumentHelp("Seconds that the guest may take to shut down before its data is kept", valueName: "seconds")) var grace: Int = 300
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func validate() throws {
        guard !forget || !keepData else { throw ValidationError("--forget leaves the machine where it is: there is no disk to keep") }
    }

    func run() async throws {
        if let damaged = try appliance.damaged() { return try await remove(damaged) }
        let opened = try appliance.openForWork()
        let name = opened.name.rawValue
        let what =
            if forget {
                "the appliance '\(name)' from this host, with its keys and passwords, and leaves its machine"
            } else {
                keepData ? "the appliance '\(name)', keeping its data" : "the appliance '\(name)' and its database"
            }
        try askFor(what, name)
        if forget { return Self.show(left: try await opened.forget()) }
        let kept = try await ProgressRenderer.current.activity("delete", "Remove '\(name)'") { () -> FilePath? in
            if keepData { return try await opened.deleteKeepingData(grace: .seconds(grace)) }
            try await opened.delete()
            return nil
        }
        if let kept { Terminal.printDocument("\(kept)") }
    }
    /// Removes an appliance whose journal cannot be used.
    private func remove(_ damaged: DamagedAppliance) async throws {
        // It is no longer known what its data disk holds, and under which version.
        guard !keepData else { throw damaged.damage }
        try askFor("what is left of the appliance '\(damaged.name)'\(forget ? " here, and leaves its machine" : ", and its database")", damaged.name.rawValue)
        if forget { return Self.show(left: try damaged.forget()) }
        try await ProgressRenderer.current.activity("delete", "Remove '\(damaged.name)'") { try await damaged.delete() }
    }

    private func askFor(_ what: String, _ name: String) throws {
        guard let answer = confirm ?? Terminal.ask("This removes \(what). Type its name to go on: ") else {
            throw Failure(.invalidInput, "nobody is there to confirm the removal of '\(name)'", remedy: "pgkvm delete \(name) --confirm \(name)")
        }
        guard answer == name else {
            throw Failure(.invalidInput, "'\(answer)' is not '\(name)': nothing was removed")
        }
    }

    private static func show(left machine: MachineReference?) {
        guard let machine else { return }
        Terminal.print("left as it is, if it is there: \(machine.identifier) (\(machine.backend.rawValue), deployment \(machine.deployment))")
    }
}

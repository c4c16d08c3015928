internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import Dispatch
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import PostgresServer
internal import SystemPackage

/// Which database, and as whom.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Database (the first of the spec)", valueName: "name")) var database: String?
    @Option(help: ArgumentHelp("Role (the database's owner)", valueName: "name")) var role: String?
}

extension ConnectionText.Form: ExpressibleByArgument {}

struct ConnectionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connection", abstract: "Print how to connect; never a password.",
        discussion:
            "The password is read from the 0600 passfile that the text names.\n\nEXAMPLES\n  psql \"$(pgkvm connection orders)\"\n  pgkvm connection orders --as service >> ~/.pg_service.conf"
    )

    @OptionGroup var appliance: NameArgument
    @OptionGroup var options: ConnectionOptions
    @Option(name: .customLong("as"), help: "uri, env, service or jdbc") var form: ConnectionText.Form = .uri

    func run() async throws {
        Terminal.print(try await appliance.open().connectionText(form, database: options.database, role: options.role))
    }
}

struct PSQLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "psql", abstract: "Open psql on an appliance.", discussion: "EXAMPLE\n  pgkvm psql orders -- -c 'select version()'")

    @OptionGroup var appliance: NameArgument
    @OptionGroup var options: ConnectionOptions
    @Argument(parsing: .postTerminator, help: "Arguments for psql") var arguments: [String] = []

    func run() async throws {
        let uri = try await appliance.open().connectionText(.uri, database: options.database, role: options.role)
        try Execution.replace(by: "psql", [uri] + arguments)
    }
}

struct SSHCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssh", abstract: "Open a shell in the guest, or run a command there.",
        discussion: "EXAMPLES\n  pgkvm ssh orders\n  pgkvm ssh orders -- systemctl status postgresql@17-main")

    @OptionGroup var appliance: NameArgument
    @Argument(parsing: .postTerminator, help: "Command and arguments; each is quoted for the guest's shell") var command: [String] = []

    func run() async throws {
        let status = try await GuestShell.run(in: appliance.open(), command)
        guard status == 0 else { throw ExitCode(status) }
    }
}

struct ConsoleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console", abstract: "Attach to the guest's serial console; Ctrl-] leaves it.", discussion: "EXAMPLE\n  pgkvm console orders")

    @OptionGroup var appliance: NameArgument

    func run() async throws {
        let opened = try appliance.open()
        guard let machine = try await opened.machine(), let backend = opened.context.backend as? any SerialConsoleProviding else {
            throw Failure(.unsupported, "'\(opened.name)' has no serial console here", remedy: "pgkvm status \(opened.name)")
        }
        guard case .off = try await opened.powerState() else {
            Terminal.error("attached to the console of '\(opened.name)'; Ctrl-] leaves it")
            try await ConsoleSession.run(socket: backend.serialSocket(of: machine))
            return
        }
        throw Failure(.machineFailed, "'\(opened.name)' is off", remedy: "pgkvm start \(opened.name)")
    }
}

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print the end of a log: PostgreSQL's, the console's, or QEMU's.",
        discussion: "EXAMPLES\n  pgkvm logs orders\n  pgkvm logs orders --serial --lines 50")

    @OptionGroup var appliance: NameArgument
    @Flag(help: "What the guest printed on its console") var serial = false
    @Flag(help: "What QEMU said") var qemu = false
    @Option(help: ArgumentHelp("How many lines", valueName: "number")) var lines: Int = 200

    func run() async throws {
        let opened = try appliance.open()
        let source: LogSource = serial ? .serial : qemu ? .process : .postgresql
        Terminal.print(try await opened.log(source, lines: max(1, lines)))
    }
}

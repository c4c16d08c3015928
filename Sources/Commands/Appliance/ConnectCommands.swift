internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import Dispatch
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import PostgresServer
internal import Quoting
internal import SystemPackage
internal import Terminal
internal import Workflow

/// Which database to connect to, and as which role.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Database (the first of the spec)", valueName: "name")) var database: String?
    @Option(help: ArgumentHelp("Role (the database's owner)", valueName: "name")) var role: String?
}

extension ConnectionText.Form: ExpressibleByArgument {}

struct ConnectionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connection", abstract: "Print how to connect; never a password.",
        discussion: """
            Each form verifies the server by the appliance's own CA. psql, psycopg, asyncpg and pgx read the password from the 0600 passfile \
            that the text names; node-postgres and pgjdbc read it from the file that PGPASSFILE names. docs/connect.md has the details.

            FORMS
              uri            psql, psycopg, asyncpg, pgx, node-postgres and others
              libpq          psql and all that is built on libpq, with channel binding
              env            the same as variables, for eval in a shell
              service        the same as a section for pg_service.conf
              jdbc           pgjdbc
              socket         the Unix socket that 'pgkvm forward' holds open
              rust-postgres  rust-postgres; give it the CA and the password in code

            EXAMPLES
              psql "$(pgkvm connection orders)"
              pgkvm connection orders --as jdbc
              pgkvm connection orders --as service >> ~/.pg_service.conf
            """)

    @OptionGroup var appliance: NameArgument
    @OptionGroup var options: ConnectionOptions
    @Option(name: .customLong("as"), help: ArgumentHelp("For which client", valueName: "form")) var form: ConnectionText.Form = .uri

    func run() async throws {
        Terminal.printDocument(try await appliance.open().connectionText(form, database: options.database, role: options.role))
    }
}

struct PSQLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "psql", abstract: "Open psql on an appliance.",
        discussion: """
            psql keeps ~/.psqlrc, PSQLRC, PSQL_*, PAGER, EDITOR, PG_COLOR and the locale. Every other variable whose name begins with PG, service \
            files and ~/.postgresql do not reach it: where and as whom it connects is the appliance's to say.

            EXAMPLE
              pgkvm psql orders -- -c 'select version()'
            """)

    @OptionGroup var appliance: NameArgument
    @OptionGroup var options: ConnectionOptions
    @Argument(parsing: .postTerminator, help: "Arguments for psql") var arguments: [String] = []

    func run() async throws {
        let target = try await appliance.open().psqlTarget(database: options.database, role: options.role)
        try Execution.replace(by: "psql", [target] + arguments)
    }
}

struct ForwardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forward", abstract: "Hold a Unix socket open that leads to PostgreSQL, for this user alone.",
        discussion: """
            Every user of this host reaches a port of 127.0.0.1. The socket lies in the appliance's directory, mode 0600, and goes through SSH to \
            the server's own socket in the guest. It is there until Ctrl-C. Passwords are asked for as over the network.

            EXAMPLES
              pgkvm forward orders
              psql "$(pgkvm connection orders --as socket)"
              systemd-run --user --unit orders-socket pgkvm forward orders
            """)

    @OptionGroup var appliance: NameArgument

    func run() async throws {
        let forward = try await appliance.open().socketForward()
        Terminal.error("holding '\(forward.socket)' open; Ctrl-C ends it")
        try Execution.replace(by: "ssh", forward.arguments, in: forward.directory)
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
        guard let machine = try await opened.machine(), let backend = opened.context.backend.capabilities.console else {
            throw Failure(.unsupported, "the console of '\(opened.name)' is its platform's", remedy: opened.context.backend.consoleByHand(of: opened.name))
        }
        guard case .off = try await opened.powerState() else {
            Terminal.error("attached to the console of '\(opened.name)'; Ctrl-] leaves it")
            try await ConsoleSession.run(socket: backend.serialSocket(of: machine))
            return
        }
        throw Failure(.machineFailed, "'\(opened.name)' is off", remedy: "pgkvm start \(opened.name)")
    }
}

/// The logs on the host. Without a choice, the command shows PostgreSQL's log, which it gets from the guest.
enum HostLog: String, EnumerableFlag {
    case serial, qemu, pgkvm

    static func help(for value: HostLog) -> ArgumentHelp? {
        switch value {
        case .serial: "What the guest printed on its console"
        case .qemu: "What QEMU said"
        case .pgkvm: "What pgkvm itself did: its debug log"
        }
    }

    var source: LogSource {
        switch self {
        case .serial: .serial
        case .qemu: .process
        case .pgkvm: .tool
        }
    }
}

struct LogsCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print the end of a log: PostgreSQL's, the console's, QEMU's, or pgkvm's own.",
        discussion: "EXAMPLES\n  pgkvm logs orders\n  pgkvm logs orders --serial --lines 50\n  pgkvm logs orders --pgkvm")

    @OptionGroup var appliance: NameArgument
    @Flag(exclusivity: .exclusive) var log: HostLog?
    @Option(help: ArgumentHelp("How many lines", valueName: "number")) var lines: Int = 200
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func validate() throws {
        guard lines > 0 else { throw ValidationError("--lines takes a positive number") }
    }

    func run() async throws {
        let opened = try appliance.open()
        let text = try await ProgressRenderer.current.activity("logs", "Read the log of '\(opened.name)'") {
            try await opened.log(log?.source ?? .postgresql, lines: lines)
        }
        Terminal.printDocument(text)
    }
}

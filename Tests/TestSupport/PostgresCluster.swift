internal import ApplianceModel
internal import Basics
package import HostSystem
package import SystemPackage

/// A throwaway PostgreSQL cluster from `initdb`, with a directory, a socket and a loopback port of its own.
///
/// PostgreSQL refuses to run as root, so root hands it to the user `postgres`. The directory is 0700: within it, `trust` on
/// the socket lets nobody in who was not there already.
package struct PostgresCluster: Sendable {
    /// The root of everything that belongs to the cluster.
    package let directory: FilePath
    package let port: UInt16
    /// Such as 15.
    package let majorVersion: Int
    private let programs: FilePath

    package var dataDirectory: FilePath { directory.appending("data") }
    package var socketDirectory: FilePath { directory }
    /// Where a test may put a whole configuration (`postgresql.conf` and what it includes).
    package var configurationDirectory: FilePath { directory.appending("conf") }
    private var logFile: FilePath { directory.appending("server.log") }

    /// The cluster of the suite, where the suite has the trait `.postgresCluster`.
    @TaskLocal package static var current: PostgresCluster?

    /// Whether `runAsServer` really is another user than the test's, so that `peer` can be tested.
    package static var switchesUser: Bool { HostEnvironment.isRoot }

    /// Makes a cluster, starts it, runs `body` and removes it, whatever comes.
    /// - Parameter configure: called after `initdb` and before the start.
    package static func with<Result: Sendable>(
        configure: @Sendable (PostgresCluster) async throws -> Void = { _ in },
        _ body: @Sendable (PostgresCluster) async throws -> Result
    ) async throws -> Result {
        let cluster = try await create()
        do {
            try await configure(cluster)
            try await cluster.start()
            let result = try await body(cluster)
            try await cluster.remove()
            return result
        } catch {
            try await cluster.remove()
            throw error
        }
    }

    /// Runs a program of the server's (or any other) as the server's user.
    /// - Returns: the result, whatever its status.
    package func runAsServer(_ program: String, _ arguments: [String], input: [UInt8] = []) async throws -> ProgramResult {
        let own = programs.appending(program)
        let path = Files.exists(own) ? own.string : program
        guard HostEnvironment.isRoot else { return try await ProgramRunner.run("env", [path] + arguments, input: input, workingDirectory: directory) }
        return try await ProgramRunner.run(
            "setpriv", ["--reuid=postgres", "--regid=postgres", "--init-groups", path] + arguments, input: input, workingDirectory: directory)
    }

    /// As `runAsServer`; a status other than 0 is an error that carries what the program and the server said.
    @discardableResult
    package func check(_ program: String, _ arguments: [String], input: [UInt8] = []) async throws -> String {
        let result = try await runAsServer(program, arguments, input: input)
        guard result.status == 0 else {
            throw Failure(.programFailed, "'\(program)' ended with status \(result.status): \(result.errorText)\(result.outputText)\n\(log)")
        }
        return result.outputText
    }

    /// Writes a file that belongs to the server's user, mode 0600, with the directories above it.
    package func write(_ text: String, to path: FilePath) async throws {
        let script = #"umask 077; mkdir -p "$(dirname "$1")"; cat > "$1""#
        try await check("sh", ["-c", script, "sh", path.string], input: Array(text.utf8))
    }

    /// What the server wrote before its own log was set up.
    package var log: String { (try? Files.readText(logFile)) ?? "" }

    /// Starts the server: with the configuration that lies in `configurationDirectory`, if there is one, else with a plain one.
    /// Either way it listens on the loopback interface only.
    /// - Parameter waitsForDisk: whether `fsync` stays as configured; most tests have no use for it.
    package func start(waitsForDisk: Bool = false) async throws {
        let file = configurationDirectory.appending("postgresql.conf")
        let configuration =
            Files.exists(file) ? "-c config_file=\(file)" : "-c port=\(port) -c unix_socket_directories=\(socketDirectory)"
        let options = "\(waitsForDisk ? "" : "-F ")-c listen_addresses=127.0.0.1 \(configuration)"
        try await check("pg_ctl", ["-D", dataDirectory.string, "-l", logFile.string, "-o", options, "-w", "-t", "120", "start"])
    }

    package func stop() async throws { try await check("pg_ctl", ["-D", dataDirectory.string, "-m", "fast", "-w", "-t", "120", "stop"]) }
    package func restart() async throws {
        try await stop()
        try await start()
    }

    /// Runs SQL through psql as the superuser over the socket; only rows come back, unaligned.
    @discardableResult
    package func psql(_ script: String, database: String = "postgres") async throws -> String {
        try await check(
            "psql",
            ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", socketDirectory.string, "-p", String(port), "-U", "postgres", "-d", database, "-f", "-"],
            input: Array(script.utf8))
    }

    private static func create() async throws -> PostgresCluster {
        let root = FilePath("/usr/lib/postgresql")
        guard let version = try Files.list(root).compactMap({ Int($0) }).max() else {
            throw Failure(.programMissing, "no PostgreSQL server is installed under \(root)", remedy: "install the package 'postgresql'")
        }
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-cluster")
        let cluster = PostgresCluster(
            directory: directory, port: try Sockets.pickFreePort(), majorVersion: version,
            programs: root.appending(String(version)).appending("bin"))
        do {
            if HostEnvironment.isRoot { _ = try await ProgramRunner.check("chown", ["postgres:postgres", directory.string]) }
            try await cluster.check(
                "initdb",
                [
                    "--pgdata=\(cluster.dataDirectory)", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                    "--data-checksums", "--no-sync",
                ])
        } catch {
            try? Files.remove(directory)
            throw error
        }
        return cluster
    }

    private func remove() async throws {
        if Files.exists(dataDirectory.appending("postmaster.pid")) {
            _ = try await withoutCancellation { try await runAsServer("pg_ctl", ["-D", dataDirectory.string, "-m", "immediate", "-w", "stop"]) }
        }
        try Files.remove(directory)
    }
}

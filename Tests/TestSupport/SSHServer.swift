internal import ApplianceModel
package import Basics
internal import Glibc
internal import HostSystem
package import SecureShell
internal import Synchronization
package import SystemPackage

/// A real sshd on a loopback port with keys of its own, for as long as a closure runs.
package struct SSHServer: Sendable {
    package struct Options: Sendable {
        /// Types of `ssh-keygen -t`.
        package var hostKeyTypes = ["ed25519"]
        /// At DEBUG1 the log tells every request, and commands find lines of it in their own standard error.
        package var logLevel = "VERBOSE"
        /// Further lines of sshd_config.
        package var configuration: [String] = []

        package init() {}
    }

    package let port: UInt16
    /// The server's ed25519 key; of RSA-only servers one that they do not have.
    package let hostKey: HostKey
    package let user: String
    package let privateKey: Secret
    package let publicKey: String
    /// Empty, for the test's own files; removed at the end.
    package let scratch: FilePath
    private let log: ServerLog

    /// Whether the programs that it takes are installed.
    package static let isAvailable = ProgramRunner.lookUp("sshd") != nil && ProgramRunner.lookUp("ssh-keygen") != nil

    /// What sshd wrote until now.
    package var logText: String { log.text }

    package static func run<Value: Sendable>(
        _ options: Options = Options(), _ body: (SSHServer) async throws -> Value
    ) async throws -> Value {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-sshd")
        defer { try? Files.remove(directory) }
        let log = ServerLog()
        let server = try await make(options, in: directory, log: log)
        let configuration = directory.appending("sshd_config")
        // sshd's own rule: as root it wants this empty directory.
        if HostEnvironment.isRoot { try Files.createDirectory("/run/sshd", mode: [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute]) }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = try await ProgramRunner.run("sshd", ["-D", "-e", "-f", configuration.string]) { log.append($0) }
            }
            do {
                try await server.waitUntilReady()
                let value = try await body(server)
                group.cancelAll()
                while await group.nextResult() != nil {}
                return value
            } catch {
                group.cancelAll()
                while await group.nextResult() != nil {}
                throw error
            }
        }
    }

    /// A socket that is connected to the server.
    package func connect() async throws -> FileDescriptor {
        try await Sockets.connect(to: Endpoint(host: "127.0.0.1", port: port), timeout: .seconds(100))
    }

    /// Logs in with the right keys unless told otherwise.
    package func open(hostKeys: [HostKey]? = nil, privateKey: Secret? = nil, publicKey: String? = nil) async throws -> SSHConnection {
        try await SSHConnection.open(
            socket: connect(), hostKeys: hostKeys ?? [hostKey], user: user, privateKey: privateKey ?? self.privateKey,
            publicKey: publicKey ?? self.publicKey, timeout: .seconds(300))
    }

    /// Makes an ed25519 key pair.
    package static func makeKey(at path: FilePath, type: String = "ed25519") async throws -> (privateKey: Secret, publicKey: String) {
        _ = try await ProgramRunner.check("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "", "-f", path.string])
        return (Secret(try Files.readText(path)), try Files.readText(FilePath("\(path).pub")))
    }

    private static func make(_ options: Options, in directory: FilePath, log: ServerLog) async throws -> SSHServer {
        var hostKeyPaths: [FilePath] = []
        var hostKey: HostKey?
        for type in Set(options.hostKeyTypes + ["ed25519"]) {
            let path = directory.appending("host_\(type)")
            let key = try await makeKey(at: path, type: type)
            if type == "ed25519" { hostKey = HostKey(openSSH: key.publicKey) }
            if options.hostKeyTypes.contains(type) { hostKeyPaths.append(path) }
        }
        let userKey = try await makeKey(at: directory.appending("user"))
        try Files.write(userKey.publicKey, to: directory.appending("authorized_keys"))
        let scratch = directory.appending("scratch")
        let home = directory.appending("home")
        for path in [scratch, home] { try Files.createDirectory(path) }
        guard let hostKey, let entry = unsafe getpwuid(geteuid()), let name = unsafe entry.pointee.pw_name else {
            throw Failure(.invalidInput, "no host key, or no name of this user")
        }
        let port = try Sockets.pickFreePort()
        let lines =
            [
                "ListenAddress 127.0.0.1", "Port \(port)", "PidFile none", "LogLevel \(options.logLevel)", "UsePAM no", "StrictModes no",
                "AuthorizedKeysFile \(directory.appending("authorized_keys"))", "PasswordAuthentication no",
                "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password", "Subsystem sftp internal-sftp",
                // The user's own start-up files are no part of a test.
                "SetEnv HOME=\(home)",
            ] + hostKeyPaths.map { "HostKey \($0)" } + options.configuration
        try Files.write(lines.joined(separator: "\n") + "\n", to: directory.appending("sshd_config"))
        return SSHServer(
            port: port, hostKey: hostKey, user: unsafe String(cString: name), privateKey: userKey.privateKey, publicKey: userKey.publicKey,
            scratch: scratch, log: log)
    }

    private func waitUntilReady() async throws {
        let answer = try await poll(every: .milliseconds(20), until: .now.advanced(by: .seconds(300)), on: ContinuousClock()) {
            try? await connect()
        }
        guard let answer else { throw Failure(.timedOut, "sshd did not come up: \(logText)") }
        try answer.close()
    }
}

private final class ServerLog: Sendable {
    private let lines = Mutex<[String]>([])
    var text: String { lines.withLock { $0.joined(separator: "\n") } }
    func append(_ line: String) { lines.withLock { $0.append(line) } }
}

internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import SecureShell
package import SystemPackage

/// A Unix socket on this host that leads to an appliance's PostgreSQL through SSH.
///
/// Every user of the host can reach a port of 127.0.0.1. The socket, however, is in the appliance's directory, which only its user can enter. OpenSSH
/// holds it open. It carries any number of connections, and the only thing it asks of the guest's sshd is the server's own socket.
package struct SocketForward: Sendable {
    /// The directory of the socket; a client uses it as the host name.
    package let directory: FilePath
    /// The port in the socket's name. It is the same as over the network, so that a client's port is right for both.
    package let port: UInt16
    /// The arguments of `ssh`, which is to run in `directory`.
    package let arguments: [String]

    /// The server's own socket in the guest, where Debian's packages place it.
    private static let guestSocket = "/var/run/postgresql/.s.PGSQL.5432"
    /// The name under which the guest's key is looked up, whatever address is used to connect.
    private static let hostAlias = "guest"
    private static let knownHosts = "known_hosts"

    /// The path of the socket.
    package var socket: FilePath { directory.appending(Self.name(port)) }

    private static func name(_ port: UInt16) -> String { ".s.PGSQL.\(port)" }

    /// Creates the directory and the file with the guest's pinned keys.
    /// - Throws: `socket.path-too-long`; `appliance.busy` if another process holds the socket open; `ssh.no-pinned-key`.
    static func prepare(_ appliance: ApplianceDirectory, shell: Endpoint, port: UInt16) async throws -> SocketForward {
        let forward = SocketForward(directory: appliance.socket, port: port, arguments: arguments(shell, port: port))
        try Sockets.checkPath(forward.socket)
        try Files.createDirectory(forward.directory)
        guard !(await isHeld(forward.socket)) else {
            throw Failure(.applianceBusy, "another 'pgkvm forward' holds '\(forward.socket)' open", remedy: "use it, or end that one first")
        }
        let keys = try PinnedKeys.read(appliance).map { "\(hostAlias) \($0.openSSHLine)\n" }
        try Files.write(keys.joined(), to: forward.directory.appending(knownHosts))
        return forward
    }

    private static func isHeld(_ socket: FilePath) async -> Bool {
        guard let connection = try? await Sockets.connect(to: socket, timeout: .seconds(2)) else { return false }
        try? connection.close()
        return true
    }

    /// Paths are relative, because OpenSSH expands `%` and `${…}` in them, and splits the list of known hosts at spaces. It recognizes a socket only
    /// if the text begins with a slash.
    private static func arguments(_ shell: Endpoint, port: UInt16) -> [String] {
        let options = [
            "BatchMode=yes", "IdentityFile=../id_ed25519", "IdentitiesOnly=yes", "IdentityAgent=none", "UserKnownHostsFile=\(knownHosts)",
            "GlobalKnownHostsFile=none", "HostKeyAlias=\(hostAlias)", "HostKeyAlgorithms=ssh-ed25519", "StrictHostKeyChecking=yes",
            "UpdateHostKeys=no", "ControlPath=none", "ExitOnForwardFailure=yes", "StreamLocalBindMask=0177", "StreamLocalBindUnlink=yes",
            "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4", "LogLevel=ERROR",
        ]
        return ["-F", "none", "-N", "-T"] + options.flatMap { ["-o", $0] } + [
            "-p", String(shell.port), "-L", "/proc/self/cwd/\(name(port)):\(guestSocket)", "-l", GuestSession.user, "--", shell.host,
        ]
    }
}

extension Appliance {
    /// Prepares what `ssh` needs to hold the socket open.
    /// - Throws: `appliance.incomplete` without a database, `machine.failed` if the appliance is off, and the errors of `SocketForward.prepare`.
    package func socketForward() async throws -> SocketForward {
        try await requireDatabase()
        if case .off = try await powerState() { throw Failure(.machineFailed, "'\(name)' is off", remedy: "pgkvm start \(name)") }
        return try await SocketForward.prepare(directory, shell: context.shellEndpoint(), port: context.postgresqlEndpoint().port)
    }
}

package import ApplianceModel
package import Basics
internal import HostSystem
package import SecureShell

/// The SSH session with the guest. It is opened when it is first needed, and again after it was lost.
package actor GuestSession: GuestAccess {
    package static let user = "pgkvm"
    /// Opens the access to a guest with such a session.
    package static let opening: GuestOpening = { GuestSession(directory: $0, endpoint: $1) }

    private let directory: ApplianceDirectory
    private let endpoint: @Sendable () async throws -> Endpoint
    private var connection: SSHConnection?

    package init(directory: ApplianceDirectory, endpoint: @escaping @Sendable () async throws -> Endpoint) {
        self.directory = directory
        self.endpoint = endpoint
    }

    package func connect(timeout: Duration) async throws { _ = try await live(timeout: timeout) }

    /// The live connection, or a new one. The guest's key must be one of those in `known_host`.
    package func live(timeout: Duration = .seconds(20)) async throws -> SSHConnection {
        if let connection { return connection }
        let keys = try PinnedKeys.read(directory)
        let privateKey = Secret(try Files.readText(directory.sshKey))
        let publicKey = try Files.readText(directory.sshPublicKey)
        let target = try await endpoint()
        let opened = try await WaitingTime.measure {
            try await DebugLog.telling(.debug, "SSH connection to \(target)") {
                let socket = try await Sockets.connect(to: target, timeout: timeout)
                return try await SSHConnection.open(
                    socket: socket, hostKeys: keys, user: Self.user, privateKey: privateKey, publicKey: publicKey, timeout: timeout)
            }
        }
        connection = opened
        return opened
    }

    package func close() async {
        await connection?.close()
        connection = nil
    }

    package func run(_ command: ShellCommand, input: [UInt8], timeout: Duration) async throws -> ShellResult {
        try await using { connection in
            try await DebugLog.telling(.debug, "SSH \(command.text)", end: { "status \($0.status)" }) {
                try await connection.run(command, input: input, timeout: timeout)
            }
        }
    }

    package func upload(_ bytes: [UInt8], to path: String, mode: UInt16) async throws {
        try await using { connection in
            try await DebugLog.telling(.debug, "SFTP \(bytes.count) bytes to \(path)") { try await connection.upload(bytes, to: path, mode: mode) }
        }
    }

    package func download(_ path: String, limit: Int) async throws -> [UInt8] {
        try await using { connection in
            try await DebugLog.telling(.debug, "SFTP from \(path)", end: { "\($0.count) bytes" }) { try await connection.download(path, limit: limit) }
        }
    }

    private func using<Value: Sendable>(_ body: (SSHConnection) async throws -> Value) async throws -> Value {
        let current = try await live()
        do {
            return try await WaitingTime.measure { try await body(current) }
        } catch let error as Failure where [.sshConnectionLost, .sshTimedOut, .sshProtocol].contains(error.code) {
            await close()
            throw error
        } catch is CancellationError {
            // A connection whose command was interrupted cannot be used for the cleanup after it.
            await close()
            throw CancellationError()
        }
    }
}

/// The host keys that are accepted for the guest: two while the key is being changed, otherwise one.
package enum PinnedKeys {
    /// - Throws: `ssh.no-pinned-key` if there is none: no key is ever trusted on first use.
    package static func read(_ directory: ApplianceDirectory) throws -> [HostKey] {
        let text = try Files.readRegularIfPresent(directory.knownHost).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let keys = text.split(whereSeparator: \.isNewline).compactMap { HostKey(openSSH: String($0)) }
        guard !keys.isEmpty else {
            throw Failure(.noPinnedKey, "'\(directory.knownHost)' holds no host key of the guest", remedy: "restore the file, or deploy the appliance anew")
        }
        return keys
    }

    package static func write(_ keys: [HostKey], to directory: ApplianceDirectory) throws {
        try Files.write(keys.map { $0.openSSHLine + "\n" }.joined(), to: directory.knownHost)
    }
}

extension Failure.Code {
    package static let noPinnedKey = Failure.Code("ssh.no-pinned-key")
}

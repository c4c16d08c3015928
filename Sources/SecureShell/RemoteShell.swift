package import ApplianceModel
internal import Basics
internal import Quoting

/// The result of a finished command.
package struct ShellResult: Sendable, Equatable {
    /// The exit status, or 128 + the number of the signal that ended the command.
    package let status: Int32
    package let standardOutput: [UInt8]
    package let standardError: [UInt8]
    /// The signal that ended the command, without `SIG`.
    package let signal: String?

    package init(status: Int32, standardOutput: [UInt8] = [], standardError: [UInt8] = [], signal: String? = nil) {
        self.status = status
        self.standardOutput = standardOutput
        self.standardError = standardError
        self.signal = signal
    }

    package var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
    package var errorText: String { String(decoding: standardError, as: UTF8.self) }
}

/// A place where commands can run and files can be written: a guest, or a script in a test.
package protocol RemoteShell: Sendable {
    /// Runs a command to its end and returns the result with any status.
    /// - Parameters:
    ///   - input: its standard input; put secrets here.
    ///   - timeout: the limit for the whole command.
    /// - Throws: `ssh.connection-lost` (worth another attempt on a new connection), `ssh.timed-out`, `input.invalid` (a NUL in the
    ///   command), `CancellationError`.
    func run(_ command: ShellCommand, input: [UInt8], timeout: Duration) async throws -> ShellResult

    /// Replaces a file in one step: a temporary file beside it, fsync, rename.
    /// - Throws: `ssh.sftp` and what `run` throws.
    func upload(_ bytes: [UInt8], to path: String, mode: UInt16) async throws

    /// Reads a whole file.
    /// - Parameter limit: the size limit in bytes; a larger file is an error.
    /// - Throws: `ssh.sftp` and what `run` throws.
    func download(_ path: String, limit: Int) async throws -> [UInt8]
}

extension RemoteShell {
    /// Runs a command and turns every status but 0 into a failure that carries the end of its standard error.
    /// - Throws: `ssh.command-failed` and what `run` throws.
    @discardableResult
    package func check(_ command: ShellCommand, input: [UInt8] = [], timeout: Duration = .seconds(60)) async throws -> ShellResult {
        let result = try await run(command, input: input, timeout: timeout)
        guard result.status == 0 else {
            let said = result.errorText.isEmpty ? result.outputText : result.errorText
            let tail = said.split(at: "\n").suffix(8).map { $0.prefix(1_000) }.joined(separator: "\n    ")
            let end = result.signal.map { "was ended by the signal \($0)" } ?? "ended with status \(result.status)"
            throw Failure(.sshCommandFailed, "the guest's command '\(command.summary)' \(end)\(tail.isEmpty ? "" : ":\n    \(tail)")")
        }
        return result
    }

    /// The address from which this connection comes, as the other end sees it; nil where its SSH server does not report it.
    /// - Throws: what `check` throws.
    package func clientAddress() async throws -> IPv4Address? {
        // sshd passes this to every program that it starts: the client's address and port, then its own.
        try await check(#"printf %s "${SSH_CONNECTION-}""#).outputText.split(at: " ").first.flatMap { IPv4Address(String($0)) }
    }
}

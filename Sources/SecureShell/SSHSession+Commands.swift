internal import ApplianceModel
internal import Basics
internal import Glibc

extension SSHSession {
    /// The maximum number of bytes kept of a command's standard output, and of its standard error.
    static let outputLimit = 16 << 20

    /// Runs a command to its end.
    func run(_ command: ShellCommand, input: [UInt8]) throws -> ShellResult {
        let channel = try SSHChannel(self)
        try channel.start(command.bytes())
        var input = input[...]
        var output: [UInt8] = []
        var error: [UInt8] = []
        while true {
            let moved = try channel.exchange(&input, isLast: true) { stream, bytes in
                switch stream {
                case .output: output += bytes
                case .error: error += bytes
                }
                guard output.count <= Self.outputLimit, error.count <= Self.outputLimit else {
                    abandon()
                    throw Failure(.sshCommandFailed, "the guest's command '\(command.summary)' wrote more than \(Self.outputLimit >> 20) MiB")
                }
            }
            if moved { continue }
            if try channel.hasEnded() { break }
            try wait("wait for the command '\(command.summary)'", for: POLLIN)
        }
        let end = try channel.exitStatus(of: command.summary)
        try channel.close()
        return ShellResult(status: end.status, standardOutput: output, standardError: error, signal: end.signal)
    }
}

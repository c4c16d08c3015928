internal import Basics
internal import Deployment
internal import Dispatch
internal import HostSystem
internal import SecureShell
internal import SystemPackage
internal import Terminal

/// Gives this terminal to a shell or a command in the guest.
enum GuestShell {
    /// - Parameter command: words, each quoted for the guest's shell; an empty list starts the user's shell.
    /// - Returns: its exit status.
    static func run(in appliance: Appliance, _ command: [String] = []) async throws -> Int32 {
        let context = appliance.context
        let connection = try await GuestSession(directory: appliance.directory) { try await context.shellEndpoint() }.live()
        let terminal = command.isEmpty ? TTY.size : nil
        let raw = try terminal.map { _ in try RawTerminal() }
        defer { raw?.restore() }
        let resizing = TTY.onResize { connection.resize(columns: $0, rows: $1) }
        defer { resizing?.cancel() }
        let status = try await connection.interactive(
            command: command.isEmpty ? nil : "\(list: command)",
            terminal: terminal.map { (columns: $0.columns, rows: $0.rows, term: EnvironmentVariable.value("TERM") ?? "xterm") },
            input: FileDescriptor.standardInput, output: .standardOutput, error: .standardError)
        await connection.close()
        return status
    }
}

internal import ApplianceModel
internal import Glibc
package import SystemPackage

extension SSHConnection {
    /// Runs a command, or the user's shell, with the caller's descriptors as its streams, byte for byte.
    ///
    /// The caller puts its own terminal in raw mode and reports size changes through `resize`.
    /// - Parameters:
    ///   - command: nil starts a login shell.
    ///   - terminal: gives the command a terminal of this size; all output then arrives in one stream.
    ///   - input: read for as long as it is open; no other code may use it meanwhile.
    /// - Returns: the exit status, or 128 + the number of the signal.
    /// - Throws: as `run`, but there is no time limit.
    package func interactive(
        command: ShellCommand?, terminal: (columns: Int, rows: Int, term: String)?, input: FileDescriptor, output: FileDescriptor,
        error: FileDescriptor
    ) async throws -> Int32 {
        try await perform(timeout: nil) { session in
            let name = command?.summary ?? "the user's shell"
            let command = try command?.bytes()
            session.begin(timeout: .seconds(30))
            let channel = try SSHChannel(session)
            if let terminal { try channel.requestTerminal(terminal.term, columns: terminal.columns, rows: terminal.rows) }
            try channel.start(command)
            session.begin(timeout: nil)
            let status = try channel.pump(
                name: name, input: input, output: output, error: error, size: terminal == nil ? nil : terminalSize)
            try channel.close()
            return status
        }
    }

    /// Sets the new terminal size of the running interactive session.
    package nonisolated func resize(columns: Int, rows: Int) { terminalSize.request(columns: columns, rows: rows) }
}

extension SSHChannel {
    /// Moves bytes between the channel and the descriptors until the command ends.
    fileprivate func pump(
        name: String, input: FileDescriptor, output: FileDescriptor, error: FileDescriptor, size: TerminalSize?
    ) throws -> Int32 {
        let operation = "go on with the interactive session"
        var pending: ArraySlice<UInt8> = []
        var isInputOpen = true
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            if let size, let new = size.take() { try resizeTerminal(columns: new.columns, rows: new.rows) }
            let moved = try exchange(&pending, isLast: !isInputOpen) { stream, bytes in
                try writeAll(bytes, to: stream == .output ? output : error)
            }
            if moved { continue }
            if try hasEnded() { return try exitStatus(of: name).status }
            // poll(2) ignores a negative descriptor.
            let source = isInputOpen && pending.isEmpty ? input.rawValue : -1
            var others = [
                pollfd(fd: source, events: Int16(POLLIN), revents: 0), pollfd(fd: size?.descriptor.rawValue ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            try session.wait(operation, for: POLLIN, others: &others)
            if others[0].revents != 0 {
                let count = try readAvailable(from: input, into: &chunk)
                if let count { pending = chunk[..<count] }
                isInputOpen = count != 0
            }
        }
    }

    /// - Returns: 0 at the end, nil when there was no data after all.
    private func readAvailable(from file: FileDescriptor, into chunk: inout [UInt8]) throws -> Int? {
        do {
            return try unsafe chunk.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
        } catch let error as Errno where error == .wouldBlock {
            return nil
        } catch let error as Errno where error == .ioError {
            // A terminal that was hung up.
            return 0
        }
    }

    private func writeAll(_ bytes: ArraySlice<UInt8>, to file: FileDescriptor) throws {
        var rest = bytes
        while !rest.isEmpty {
            do {
                rest.removeFirst(try unsafe rest.withUnsafeBytes { try unsafe file.write($0) })
            } catch let error as Errno where error == .wouldBlock {
                var ready = [pollfd(fd: file.rawValue, events: Int16(POLLOUT), revents: 0)]
                _ = unsafe poll(&ready, 1, 1000)
                try Task.checkCancellation()
            }
        }
    }
}

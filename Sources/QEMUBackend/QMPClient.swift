internal import ApplianceModel
package import Basics
internal import Dispatch
internal import FoundationEssentials
internal import Glibc
internal import HostSystem
package import SystemPackage

/// One conversation with QEMU's monitor over its socket.
///
/// QEMU serves one client at a time, so a conversation is short: connect, a few commands, close. The other end is not trusted: a guest that has
/// broken out of QEMU, or the guest's own agent, may send anything, at any length, as slowly as it likes.
package final class QMPClient: Sendable {
    private let socket: FileDescriptor
    private let queue = DispatchQueue(label: "qmp")
    /// Bytes received after the last complete line. Accessed only on `queue`.
    private nonisolated(unsafe) var pending: [UInt8] = []
    /// The time left to the other end for the rest of the conversation. Accessed only on `queue`.
    private nonisolated(unsafe) var patience: Duration
    /// When the other end's time for the current exchange ends. Accessed only on `queue`.
    private nonisolated(unsafe) var deadline = ContinuousClock.now

    /// The maximum length of a line that is read. QEMU's longest answers, on block nodes, have about ten thousand bytes.
    private static let longestLine = 1 << 20
    /// The maximum number of messages that are skipped while waiting for an answer.
    private static let mostPassedOver = 1000

    private init(socket: FileDescriptor, patience: Duration) {
        self.socket = socket
        self.patience = patience
    }

    deinit { try? socket.close() }

    /// Connects, reads the greeting and negotiates.
    /// - Parameter timeout: the time that the other end may take for the whole conversation; the caller's own time between commands does not count.
    /// - Returns: nil when nothing listens: QEMU does not run.
    /// - Throws: `qmp.unresponsive` when the socket exists and nothing answers within `timeout`.
    package static func connect(_ path: FilePath, timeout: Duration = .seconds(10)) async throws -> QMPClient? {
        guard let client = try await open(path, timeout: timeout) else { return nil }
        try await client.perform {
            _ = try client.readMessage { $0["QMP"] != nil }
            _ = try client.exchange("qmp_capabilities", [:])
        }
        return client
    }

    /// Connects to the agent in a guest. QEMU forwards the connection, and the agent speaks the monitor's protocol without its greeting.
    /// - Parameter timeout: the time that the agent may take for the whole conversation.
    /// - Returns: nil when nothing listens: QEMU does not run.
    /// - Throws: `qmp.unresponsive` when no agent answers within `timeout`: the guest has none, or has not started it yet.
    package static func connectToAgent(_ path: FilePath, timeout: Duration) async throws -> QMPClient? {
        guard let client = try await open(path, timeout: timeout) else { return nil }
        try await client.perform {
            // Answers that an earlier conversation did not wait for come first, and are ignored.
            let id = Int64.random(in: 1...Int64(Int32.max))
            try client.send(command: "guest-sync", ["id": .integer(id)])
            _ = try client.readMessage { $0["return"]?.integer == id }
        }
        return client
    }

    private static func open(_ path: FilePath, timeout: Duration) async throws -> QMPClient? {
        let begun = ContinuousClock.now
        do {
            let socket = try await Sockets.connect(to: path, timeout: min(timeout, .seconds(5)))
            return QMPClient(socket: socket, patience: timeout - (ContinuousClock.now - begun))
        } catch let error as Failure where error.code == .socketRefused {
            return nil
        } catch let error as Failure where error.code == .timedOut {
            // A QEMU that hangs does not accept connections, and its queue is full of earlier clients.
            throw Failure(.monitorUnresponsive, "QEMU's monitor takes no connection", cause: error)
        }
    }

    /// Runs a command and returns its result.
    /// - Throws: `qmp.refused` with QEMU's reason, `qmp.unresponsive`.
    @discardableResult
    package func execute(_ command: String, _ arguments: [String: JSONValue] = [:]) async throws -> JSONValue {
        // Log the name only: a command's arguments are in QEMU's command line, in machine.json or nowhere.
        try await DebugLog.telling(.debug, "QMP \(command)") { try await perform { try self.exchange(command, arguments) } }
    }

    private func perform<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                let begun = ContinuousClock.now
                self.deadline = begun + self.patience
                let result = Result(catching: body)
                self.patience -= ContinuousClock.now - begun
                continuation.resume(with: result)
            }
        }
    }

    private func exchange(_ command: String, _ arguments: [String: JSONValue]) throws -> JSONValue {
        try send(command: command, arguments)
        let answer = try readMessage { $0["return"] != nil || $0["error"] != nil }
        if let error = answer["error"] {
            let reason = error["desc"]?.string.map { SpecRules.escaped($0, limit: 400) }
            throw Failure(.monitorRefused, "QEMU refused '\(command)': \(reason ?? "no reason given")")
        }
        return answer["return"] ?? .null
    }

    private func send(command: String, _ arguments: [String: JSONValue]) throws {
        var request: [String: JSONValue] = ["execute": .string(command)]
        if !arguments.isEmpty { request["arguments"] = .object(arguments) }
        try send(Array(JSONEncoder().encode(JSONValue.object(request))) + [UInt8(ascii: "\n")])
    }

    /// Sends without SIGPIPE, which would end the program when QEMU has just closed its end.
    private func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            try wait(for: POLLOUT)
            let count = bytes.withUnsafeBytes {
                Glibc.send(socket.rawValue, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            let code = Errno(rawValue: errno)
            if count < 0, code == .interrupted || code == .wouldBlock { continue }
            guard count >= 0 else { throw Failure(.monitorUnresponsive, "QEMU's monitor takes no command", cause: code) }
            sent += count
        }
    }

    /// Reads messages up to the wanted one, and ignores any events in between.
    private func readMessage(_ isWanted: (JSONValue) -> Bool) throws -> JSONValue {
        for _ in 0...Self.mostPassedOver {
            let line = try readLine()
            guard let message = try? JSONDecoder().decode(JSONValue.self, from: Data(line)) else { continue }
            if isWanted(message) { return message }
        }
        throw Failure(.monitorUnresponsive, "QEMU's monitor sent \(Self.mostPassedOver) messages and no answer")
    }

    private func readLine() throws -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 16_384)
        var searched = 0
        while true {
            if let end = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(pending[..<end])
                pending.removeSubrange(...end)
                return line
            }
            searched = pending.count
            guard pending.count <= Self.longestLine else {
                throw Failure(.monitorUnresponsive, "QEMU's monitor sends a line of more than \(Self.longestLine) bytes")
            }
            try wait(for: POLLIN)
            let count = recv(socket.rawValue, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            let code = Errno(rawValue: errno)
            if count < 0, code == .interrupted || code == .wouldBlock { continue }
            guard count > 0 else {
                throw Failure(
                    .monitorUnresponsive, count == 0 ? "QEMU's monitor closed the connection" : "QEMU's monitor does not answer",
                    cause: count == 0 ? nil : code)
            }
            pending.append(contentsOf: chunk[..<count])
        }
    }

    /// Waits until the socket can send or has data, or the other end is gone.
    /// - Throws: `qmp.unresponsive` when the conversation's time is up, even if there is data to read.
    private func wait(for event: Int32) throws {
        while true {
            let left = deadline - ContinuousClock.now
            guard left > .zero else { throw Failure(.monitorUnresponsive, "QEMU's monitor does not answer") }
            var ready = pollfd(fd: socket.rawValue, events: Int16(event), revents: 0)
            let milliseconds = left / .milliseconds(1)
            if Glibc.poll(&ready, 1, Int32(saturating: min(milliseconds.rounded(.up), 600_000))) > 0 { return }
        }
    }
}

extension Failure.Code {
    package static let monitorUnresponsive = Failure.Code("qmp.unresponsive")
    package static let monitorRefused = Failure.Code("qmp.refused")
}

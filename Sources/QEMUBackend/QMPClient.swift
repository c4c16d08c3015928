package import ApplianceModel
internal import Dispatch
internal import FoundationEssentials
internal import Glibc
internal import HostSystem
package import SystemPackage

/// One conversation with QEMU's monitor over its socket.
///
/// QEMU serves one client at a time, so a conversation is short: connect, a few commands, close.
package final class QMPClient: Sendable {
    private let socket: FileDescriptor
    private let queue = DispatchQueue(label: "qmp")
    /// Bytes received after the last complete line. Touched on `queue` only.
    private nonisolated(unsafe) var pending: [UInt8] = []

    private init(socket: FileDescriptor) { self.socket = socket }

    deinit { try? socket.close() }

    /// Connects, reads the greeting and negotiates.
    /// - Returns: nil when nobody listens: QEMU does not run.
    /// - Throws: `qmp.unresponsive` when the socket is there and nothing answers within `timeout`.
    package static func connect(_ path: FilePath, timeout: Duration = .seconds(10)) async throws -> QMPClient? {
        guard let socket = try await connectedSocket(path, timeout: min(timeout, .seconds(5))) else { return nil }
        let client = QMPClient(socket: socket)
        try await client.perform {
            try client.setTimeout(timeout)
            _ = try client.readMessage { $0["QMP"] != nil }
            _ = try client.exchange("qmp_capabilities", [:])
        }
        return client
    }

    /// Connects to the agent in a guest, which QEMU hands on and which speaks the monitor's language without its greeting.
    /// - Returns: nil when nobody listens: QEMU does not run.
    /// - Throws: `qmp.unresponsive` when no agent answers within `timeout`: the guest has none, or not yet.
    package static func connectToAgent(_ path: FilePath, timeout: Duration) async throws -> QMPClient? {
        guard let socket = try await connectedSocket(path, timeout: timeout) else { return nil }
        let client = QMPClient(socket: socket)
        try await client.perform {
            try client.setTimeout(timeout)
            // What an earlier conversation did not wait for comes first, and is nobody's.
            let id = Int64.random(in: 1...Int64(Int32.max))
            try client.send(command: "guest-sync", ["id": .integer(id)])
            _ = try client.readMessage { $0["return"]?.integer == id }
        }
        return client
    }

    /// Runs a command and returns what it returns.
    /// - Throws: `qmp.refused` with QEMU's reason, `qmp.unresponsive`.
    @discardableResult
    package func execute(_ command: String, _ arguments: [String: JSONValue] = [:]) async throws -> JSONValue {
        // The name alone: what a command is given is in the command line of QEMU, in machine.json or nowhere.
        try await DebugLog.telling(.debug, "QMP \(command)") { try await perform { try self.exchange(command, arguments) } }
    }

    private func perform<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }

    private func setTimeout(_ timeout: Duration) throws {
        let parts = timeout.components
        var limit = timeval(tv_sec: Int(parts.seconds), tv_usec: Int(parts.attoseconds / 1_000_000_000_000))
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            guard setsockopt(socket.rawValue, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size)) == 0 else {
                throw Failure(.monitorUnresponsive, "cannot set the monitor's time limit", cause: Errno(rawValue: errno))
            }
        }
    }

    private func exchange(_ command: String, _ arguments: [String: JSONValue]) throws -> JSONValue {
        try send(command: command, arguments)
        let answer = try readMessage { $0["return"] != nil || $0["error"] != nil }
        if let error = answer["error"] {
            throw Failure(.monitorRefused, "QEMU refused '\(command)': \(error["desc"]?.string ?? "no reason given")")
        }
        return answer["return"] ?? .null
    }

    private func send(command: String, _ arguments: [String: JSONValue]) throws {
        var request: [String: JSONValue] = ["execute": .string(command)]
        if !arguments.isEmpty { request["arguments"] = .object(arguments) }
        try send(Array(JSONEncoder().encode(JSONValue.object(request))) + [UInt8(ascii: "\n")])
    }

    /// Without SIGPIPE, which would end the program when QEMU has just closed its end.
    private func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.send(socket.rawValue, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL)) }
            let code = Errno(rawValue: errno)
            if count < 0, code == .interrupted { continue }
            guard count >= 0 else { throw Failure(.monitorUnresponsive, "QEMU's monitor takes no command", cause: code) }
            sent += count
        }
    }

    /// Reads messages up to the one that is wanted; events that come by are nobody's.
    private func readMessage(_ isWanted: (JSONValue) -> Bool) throws -> JSONValue {
        while true {
            let line = try readLine()
            guard let message = try? JSONDecoder().decode(JSONValue.self, from: Data(line)) else { continue }
            if isWanted(message) { return message }
        }
    }

    private func readLine() throws -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(pending[..<end])
                pending.removeSubrange(...end)
                return line
            }
            let count = recv(socket.rawValue, &chunk, chunk.count, 0)
            let code = Errno(rawValue: errno)
            if count < 0, code == .interrupted { continue }
            guard count > 0 else {
                throw Failure(
                    .monitorUnresponsive, count == 0 ? "QEMU's monitor closed the connection" : "QEMU's monitor does not answer",
                    cause: count == 0 ? nil : code)
            }
            pending.append(contentsOf: chunk[..<count])
        }
    }

    private static func connectedSocket(_ path: FilePath, timeout: Duration) async throws -> FileDescriptor? {
        do {
            return try await Sockets.connect(to: path, timeout: timeout)
        } catch let error as Failure where error.code == .socketRefused {
            return nil
        } catch let error as Failure where error.code == .timedOut {
            // A QEMU that hangs accepts nobody, and its queue is full of those who asked before.
            throw Failure(.monitorUnresponsive, "QEMU's monitor takes no connection", cause: error)
        }
    }
}

extension Failure.Code {
    package static let monitorUnresponsive = Failure.Code("qmp.unresponsive")
    package static let monitorRefused = Failure.Code("qmp.refused")
}

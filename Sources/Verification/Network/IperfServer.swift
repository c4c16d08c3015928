internal import ApplianceModel
internal import HostSystem
internal import SystemPackage

/// iperf3 on this host's loopback interface, for one test.
enum IperfServer {
    /// Runs `body` while the server listens.
    ///
    /// It takes one test and ends; `timeout` ends one that nobody came to, also when this program was killed.
    static func with<Value: Sendable>(_ body: @escaping @Sendable (_ port: UInt16) async throws -> Value) async throws -> Value {
        let port = try Sockets.pickFreePort()
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                _ = try await ProgramRunner.run("timeout", ["40", "iperf3", "--server", "--one-off", "--bind", "127.0.0.1", "--port", "\(port)"])
                return nil
            }
            group.addTask {
                try await waitUntilListening(port)
                return try await body(port)
            }
            defer { group.cancelAll() }
            // The server may end before the client has told its result.
            while let next = try await group.next() { if let value = next { return value } }
            throw CancellationError()
        }
    }

    /// Looks rather than connects: a connection would be the one that the server takes.
    private static func waitUntilListening(_ port: UInt16) async throws {
        let clock = ContinuousClock()
        let listens = try await poll(every: .milliseconds(50), until: clock.now + .seconds(10), on: clock) { () -> Bool? in
            Self.isListening(port, try Files.readText("/proc/net/tcp")) ? true : nil
        }
        guard listens == true else { throw Failure(.timedOut, "iperf3 does not listen on 127.0.0.1:\(port)") }
    }

    /// - Parameter table: of the kernel's sockets, as /proc/net/tcp has it.
    static func isListening(_ port: UInt16, _ table: String) -> Bool {
        let digits = String(port, radix: 16, uppercase: true)
        let address = "0100007F:" + String(repeating: "0", count: 4 - digits.count) + digits
        return table.split(whereSeparator: \.isNewline).contains { line in
            let words = line.split(separator: " ")
            return words.count > 3 && words[1] == address && words[3] == "0A"
        }
    }
}

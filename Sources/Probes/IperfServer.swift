package import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// iperf3 on an address of this host, for one test.
package enum IperfServer {
    /// Runs `body` while the server listens.
    ///
    /// It takes one test and ends; `timeout` ends one that nobody came to, also when this program was killed.
    package static func with<Value: Sendable>(address: IPv4Address, _ body: @escaping @Sendable (_ port: UInt16) async throws -> Value) async throws -> Value {
        let port = try Sockets.pickFreePort()
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                _ = try await ProgramRunner.run("timeout", ["40", "iperf3", "--server", "--one-off", "--bind", "\(address)", "--port", "\(port)"])
                return nil
            }
            group.addTask {
                try await waitUntilListening(address, port)
                return try await body(port)
            }
            defer { group.cancelAll() }
            // The server may end before the client has told its result.
            while let next = try await group.next() { if let value = next { return value } }
            throw CancellationError()
        }
    }

    /// Looks rather than connects: a connection would be the one that the server takes.
    private static func waitUntilListening(_ address: IPv4Address, _ port: UInt16) async throws {
        let clock = ContinuousClock()
        let listens = try await poll(every: .milliseconds(50), until: clock.now + .seconds(60), on: clock) { () -> Bool? in
            Self.isListening(address, port, try Files.readText("/proc/net/tcp")) ? true : nil
        }
        guard listens == true else { throw Failure(.timedOut, "iperf3 does not listen on \(address):\(port)") }
    }

    /// - Parameter table: of the kernel's sockets, as /proc/net/tcp has it.
    static func isListening(_ address: IPv4Address, _ port: UInt16, _ table: String) -> Bool {
        // The bytes of the address stand in the processor's order.
        let socket = digits(address.value.byteSwapped, count: 8) + ":" + digits(UInt32(port), count: 4)
        return table.split(whereSeparator: \.isNewline).contains { line in
            let words = line.split(at: " ")
            return words.count > 3 && words[1] == socket && words[3] == "0A"
        }
    }

    private static func digits(_ value: UInt32, count: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: count - text.count) + text
    }
}

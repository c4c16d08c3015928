package import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// Runs iperf3 on an address of this host, for one test.
package enum IperfServer {
    /// Runs `body` while the server listens.
    ///
    /// The server accepts one test and ends. If no client comes, `timeout` ends it, even if this program was killed.
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
            // The server may end before the client has reported its result.
            while let next = try await group.next() { if let value = next { return value } }
            throw CancellationError()
        }
    }

    /// Checks the kernel's table instead of connecting: the server would take a connection for its only test.
    private static func waitUntilListening(_ address: IPv4Address, _ port: UInt16) async throws {
        let clock = ContinuousClock()
        let listens = try await poll(every: .milliseconds(50), until: clock.now + .seconds(60), on: clock) { () -> Bool? in
            Self.isListening(address, port, try Files.readText("/proc/net/tcp")) ? true : nil
        }
        guard listens == true else { throw Failure(.timedOut, "iperf3 does not listen on \(address):\(port)") }
    }

    /// - Parameter table: the kernel's sockets, in the form of /proc/net/tcp.
    static func isListening(_ address: IPv4Address, _ port: UInt16, _ table: String) -> Bool {
        // The bytes of the address are in the processor's order.
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

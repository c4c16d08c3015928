internal import ApplianceModel
internal import Basics
internal import Quoting

/// The bytes that TCP connections to ports on this host have carried, as the kernel counts them for each connection.
package struct PortTraffic: Sendable, Equatable {
    /// One established connection.
    package struct Connection: Sendable, Hashable {
        package let port: UInt16
        /// Address and port of both ends.
        package let ends: String

        package init(port: UInt16, ends: String) {
            self.port = port
            self.ends = ends
        }
    }

    package struct Bytes: Sendable, Equatable {
        /// Bytes from the client.
        package var received: UInt64
        /// Bytes to the client.
        package var sent: UInt64

        package init(received: UInt64 = 0, sent: UInt64 = 0) {
            self.received = received
            self.sent = sent
        }
    }

    package let connections: [Connection: Bytes]

    package init(connections: [Connection: Bytes]) { self.connections = connections }

    /// Asks the kernel, through `ss`, about all ports at once.
    /// - Returns: nil where `ss` is not installed or does not report the counters.
    package static func read(ports: [UInt16]) async throws -> PortTraffic? {
        guard !ports.isEmpty else { return PortTraffic(connections: [:]) }
        guard ProgramRunner.lookUp("ss") != nil else { return nil }
        let answer = try await ProgramRunner.run("ss", arguments(ports))
        return answer.status == 0 ? parse(answer.outputText) : nil
    }

    /// Arguments of `ss`: no header, TCP, with the kernel's counters, numeric, each connection on one line. Pure.
    package static func arguments(_ ports: [UInt16]) -> [String] {
        ["-HtinO", "state", "established", "( \(ports.map { "sport = :\($0)" }.joined(separator: " or ")) )"]
    }

    /// Reads what `ss` prints: two queues, two addresses, then words of which some are `bytes_sent:123`.
    package static func parse(_ text: String) -> PortTraffic {
        var connections: [Connection: Bytes] = [:]
        for line in text.split(at: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 4, let port = words[2].split(at: ":").last.flatMap({ UInt16($0) }) else { continue }
            func count(_ key: String) -> UInt64? { words.first { $0.hasPrefix(key) }.flatMap { UInt64($0.dropFirst(key.count)) } }
            connections[Connection(port: port, ends: "\(words[2]) \(words[3])")] = Bytes(
                received: count("bytes_received:") ?? 0, sent: count("bytes_acked:") ?? count("bytes_sent:") ?? 0)
        }
        return PortTraffic(connections: connections)
    }

    /// What the connections to these ports have carried since an earlier reading. A connection that began meanwhile counts completely; the last
    /// bytes of one that ended meanwhile are unknown.
    package func since(_ earlier: PortTraffic, ports: Set<UInt16>) -> Bytes {
        var total = Bytes()
        for (connection, now) in connections where ports.contains(connection.port) {
            let before = earlier.connections[connection] ?? Bytes()
            // Smaller counters mean another connection between the same ends, which began at zero.
            let isSame = now.received >= before.received && now.sent >= before.sent
            total.received = total.received.addingSaturated(isSame ? now.received - before.received : now.received)
            total.sent = total.sent.addingSaturated(isSame ? now.sent - before.sent : now.sent)
        }
        return total
    }
}

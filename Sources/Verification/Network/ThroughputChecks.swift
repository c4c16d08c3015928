internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Probes
internal import Reports
internal import SecureShell

/// The throughput of one TCP connection between host and guest, in both directions.
enum ThroughputChecks {
    /// The duration for each direction.
    static let seconds = 2

    static let group = CheckGroup(name: .network, check: "network.throughput", runs: { $0.depth != .quick }) { run, measurements in
        if let missing = try await missingProgram(run.target.shell) { return [missing] }
        let path = try await NetworkPath.shown(run.target)
        guard path != .passt else { return [unreachable] }
        var rates: [Direction: [Double]] = [:]
        for _ in 0..<run.options.rounds(standard: 1, full: 3) {
            for direction in Direction.allCases {
                run.progress("TCP throughput \(direction.phrase), \(seconds) s")
                rates[direction, default: []].append(try await measure(direction, run.target).bytesPerSecond)
            }
        }
        let medians = rates.mapValues { $0.sorted()[$0.count / 2] }
        measurements.metrics += Direction.allCases.compactMap { direction in
            medians[direction].map { Metric("network.throughput.\(direction.rawValue)", $0, .bytesPerSecond, better: .higher) }
        }
        return [finding(medians, path)]
    }

    /// Only SSH and PostgreSQL reach the guest, and the guest does not reach the loopback interface on which the server would listen.
    private static let unreachable = Finding(
        check: "network.throughput", level: .skip, measured: "over passt: the guest does not reach this host's loopback interface, as is meant",
        expected: "a figure to compare later runs with")

    enum Direction: String, Sendable, CaseIterable {
        case toGuest = "to-guest"
        case toHost = "to-host"

        var phrase: String { self == .toGuest ? "to the guest" : "to the host" }
    }

    /// The server runs on the host, because from there only SSH and PostgreSQL reach the guest.
    private static func measure(_ direction: Direction, _ target: VerificationTarget) async throws -> IperfReport {
        let (address, own) = try await hostAddress(target)
        return try await IperfServer.with(address: own) { port in
            let reverse = direction == .toGuest
            let words = ["--client", address, "--port", "\(port)", "--time", "\(seconds)", "--json"] + (reverse ? ["--reverse"] : [])
            let result = try await target.shell.run("timeout 30 iperf3 \(list: words)", input: [], timeout: .seconds(60))
            return try IperfReport(result.standardOutput, reverse: reverse, duration: seconds)
        }
    }

    /// The host's address for the guest, and for the host itself: user networking leads to the host's loopback interface.
    private static func hostAddress(_ target: VerificationTarget) async throws -> (String, IPv4Address) {
        guard target.spec.network.mode != .user else { return ("\(UserNetworking.gateway)", IPv4Address(127, 0, 0, 1)) }
        let own = try await target.hostAddress()
        return ("\(own)", own)
    }

    private static func missingProgram(_ shell: any RemoteShell) async throws -> Finding? {
        let isOnHost = ProgramRunner.lookUp("iperf3") != nil
        let isInGuest = try await shell.run("command -v iperf3", input: [], timeout: .seconds(30)).status == 0
        guard !isOnHost || !isInGuest else { return nil }
        let place = isOnHost ? "in the guest" : "on this host"
        return Finding(
            check: "network.throughput", level: .skip, measured: "iperf3 is not installed \(place)", expected: "a figure to compare later runs with",
            remedy: "apt-get install iperf3 \(place)")
    }

    /// - Parameter rates: in bytes per second.
    static func finding(_ rates: [Direction: Double], _ path: NetworkPath) -> Finding {
        let shown = Direction.allCases.map { direction in "\(rates[direction].map(rate) ?? "nothing") \(direction.phrase)" }
        return Finding(
            check: "network.throughput", level: rates.count == Direction.allCases.count ? .pass : .fail,
            measured: "over \(path.name): \(shown.joined(separator: ", ")) (TCP, one connection, \(seconds) s each)",
            expected: "a figure to compare later runs with",
            remedy: rates.count == Direction.allCases.count ? nil : "verify again")
    }

    /// Rounded down, so that the shown rate was really reached.
    static func rate(_ bytesPerSecond: Double) -> String {
        let bits = bytesPerSecond * 8
        if bits >= 1e9 { return "\((bits / 1e8).rounded(.down) / 10) Gbit/s" }
        if bits >= 1e6 { return "\(Int(saturating: bits / 1e6)) Mbit/s" }
        return "\(Int(saturating: bits / 1e3)) kbit/s"
    }
}

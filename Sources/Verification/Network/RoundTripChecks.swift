internal import ApplianceModel
internal import Basics
internal import PostgresClient
internal import Quoting
internal import Reports

/// How long the smallest query to the database takes over an open connection.
///
/// Connecting does not measure the way to the guest: under user networking, QEMU on the host accepts the connection.
enum RoundTripChecks {
    static let group = CheckGroup(name: .network, check: "network.round-trip", runs: { $0.depth != .quick }) { run, measurements in
        let path = try await NetworkPath.shown(run.target)
        run.progress("round trips, at most 3 s")
        guard let distribution = distribution(of: try await sample(run.target)) else {
            return [
                Finding(
                    check: "network.round-trip", level: .fail, measured: "fewer than \(fewest) answers in 3 s", expected: "a figure to compare later runs with",
                    remedy: "look at the load of host and guest, then verify again")
            ]
        }
        measurements.latencies.append(
            LatencyComparison(
                check: "network.round-trip", work: work, host: nil, guest: distribution, ratio: nil, rounds: 1, inconclusive: nil))
        measurements.metrics += distribution.points.map {
            Metric("network.round-trip.p\(Int(saturating: $0.percent))", $0.nanoseconds, .nanoseconds, better: .lower)
        }
        return [finding(distribution, path)]
    }

    private static let work = "SELECT 1 over an open TLS connection from this host, one after another"
    private static let most = 1000
    private static let fewest = 50

    private static func sample(_ target: VerificationTarget) async throws -> [Double] {
        let connection = try await target.connect()
        do {
            let clock = ContinuousClock()
            // The first queries fill caches.
            for _ in 0..<10 { try await connection.execute("SELECT 1") }
            let deadline = clock.now + .seconds(3)
            var samples: [Double] = []
            while samples.count < most, clock.now < deadline {
                let start = clock.now
                try await connection.execute("SELECT 1")
                let (seconds, attoseconds) = (clock.now - start).components
                samples.append(Double(seconds) * 1e9 + Double(attoseconds) / 1e9)
            }
            await connection.close()
            return samples
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Percentiles by nearest rank, each with at least ten samples above it.
    /// - Returns: nil if there are too few samples.
    static func distribution(of samples: [Double]) -> LatencyDistribution? {
        guard samples.count >= fewest else { return nil }
        let sorted = samples.sorted()
        let points = [50.0, 90, 99].compactMap { percent -> LatencyDistribution.Point? in
            let rank = Int(saturating: (percent / 100 * Double(sorted.count)).rounded(.up))
            return sorted.count - rank >= 10 ? .init(percent: percent, nanoseconds: sorted[rank - 1]) : nil
        }
        return LatencyDistribution(count: sorted.count, meanNanoseconds: sorted.reduce(0, +) / Double(sorted.count), points: points)
    }

    static func finding(_ distribution: LatencyDistribution, _ path: NetworkPath) -> Finding {
        let shown = distribution.points.map { "p\(Int(saturating: $0.percent)) \(milliseconds($0.nanoseconds)) ms" }
        return Finding(
            check: "network.round-trip", level: .pass,
            measured: "over \(path.name): \(shown.joined(separator: ", ")) (\(distribution.count) times SELECT 1 over TLS, the server's own time included)",
            expected: "a figure to compare later runs with")
    }

    private static func milliseconds(_ nanoseconds: Double) -> String { "\((nanoseconds / 1e4).rounded() / 100)" }
}

internal import ApplianceModel
package import Basics
internal import FoundationEssentials

/// The result of one fio job, from `--output-format=json+`. Output that is not consistent is refused: there is either an exact figure or none.
package struct FioOutput: Sendable, Equatable {
    package let version: String
    package let reads: LatencyHistogram?
    package let writes: LatencyHistogram?
    /// Only of the fsync or fdatasync calls.
    package let syncs: LatencyHistogram?
}

extension FioOutput {
    /// Reads the output of fio.
    /// - Throws: `probe.unreadable`.
    package init(_ bytes: [UInt8]) throws {
        let wire: Wire
        do {
            wire = try JSONDecoder().decode(Wire.self, from: Data(Self.json(bytes)))
        } catch {
            throw Self.refused("is damaged or broken off", cause: error)
        }
        guard wire.jobs.count == 1, let job = wire.jobs.first else { throw Self.refused("holds \(wire.jobs.count) jobs instead of one") }
        guard job.error == 0 else { throw Self.refused("reports the error \(job.error)") }
        version = wire.version
        reads = try Self.histogram(job.read.clat, "reads")
        writes = try Self.histogram(job.write.clat, "writes")
        syncs = try Self.histogram(job.sync.lat, "syncs")
        for (direction, histogram, name) in [(job.read, reads, "reads"), (job.write, writes, "writes")] {
            guard direction.total == histogram?.count ?? 0 else {
                throw Self.refused("has latencies of \(histogram?.count ?? 0) \(name), and counts \(direction.total)")
            }
        }
    }

    /// The latencies of the syncs of a job that alternates writes and syncs.
    ///
    /// With `direct`, fio may leave syncs out without a message. The latency of the writes alone is that of the page cache.
    /// - Throws: `probe.unreadable` if any write except the last was not synced.
    package func syncedWrites() throws -> LatencyHistogram {
        guard let syncs, let writes, abs(syncs.count - writes.count) <= 1 else {
            throw Self.refused("has \(syncs?.count ?? 0) syncs for \(writes?.count ?? 0) writes: the run does not count")
        }
        return syncs
    }

    package func required(_ path: KeyPath<FioOutput, LatencyHistogram?>, _ what: String) throws -> LatencyHistogram {
        guard let histogram = self[keyPath: path] else { throw Self.refused("has no \(what)") }
        return histogram
    }

    /// The output without the messages that fio prints before it.
    private static func json(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        var rest = bytes[...]
        while ["fio:", "note:", "\n"].contains(where: { rest.starts(with: $0.utf8) }), let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            rest = rest[rest.index(after: end)...]
        }
        return rest
    }

    /// Nil if there was no operation.
    private static func histogram(_ wire: Wire.Latency, _ what: String) throws -> LatencyHistogram? {
        guard wire.count > 0 else {
            guard wire.count == 0, (wire.bins ?? [:]).isEmpty else { throw refused("has latencies without \(what)") }
            return nil
        }
        guard wire.min <= wire.mean, wire.mean <= wire.max, wire.min >= 0 else { throw refused("has \(what) whose mean is beyond their extremes") }
        let percentiles = try wire.percentile.map { try numbers($0, what) } ?? [:]
        let inOrder = percentiles.sorted { $0.key < $1.key }.map(\.value)
        guard zip(inOrder, inOrder.dropFirst()).allSatisfy({ $0 <= $1 }) else { throw refused("has \(what) whose percentiles fall") }
        guard percentiles[50] != nil else { throw refused("has no percentiles of \(what)") }
        let bins = try numbers(wire.bins ?? [:], what).map { LatencyHistogram.Bin(nanoseconds: Int(saturating: $0.key), count: Int(saturating: $0.value)) }
            .sorted { $0.nanoseconds < $1.nanoseconds }
        if let first = bins.first, let last = bins.last {
            // The name of a bin is its middle.
            let isWithin = Double(first.nanoseconds) >= wire.min * 0.97 && Double(last.nanoseconds) <= wire.max * 1.03 + 1
            guard isWithin, bins.allSatisfy({ $0.count > 0 }), bins.map(\.count).sumSaturated() == wire.count else {
                throw refused("has bins that do not hold its \(wire.count) \(what)")
            }
        }
        return LatencyHistogram(count: wire.count, meanNanoseconds: wire.mean, bins: bins, percentiles: percentiles)
    }

    private static func numbers(_ values: [String: Int], _ what: String) throws -> [Double: Double] {
        try Dictionary(
            values.map { key, value in
                guard let number = Double(key), number >= 0, value >= 0 else { throw refused("has '\(key)' in the latencies of \(what)") }
                return (number, Double(value))
            }
        ) { _, _ in throw refused("names a latency of \(what) twice") }
    }

    private static func refused(_ what: String, cause: (any Error)? = nil) -> Failure {
        Failure(.probeUnreadable, "the output of fio \(what)", remedy: "verify again; if it stays, report it with the versions of fio", cause: cause)
    }

    private struct Wire: Decodable {
        package let version: String
        let jobs: [Job]

        enum CodingKeys: String, CodingKey {
            case version = "fio version"
            case jobs
        }

        struct Job: Decodable {
            let error: Int
            let read: Direction
            let write: Direction
            let sync: Sync
        }

        struct Direction: Decodable {
            let total: Int
            /// From submission to completion; for a synchronous engine, the whole call.
            let clat: Latency

            enum CodingKeys: String, CodingKey {
                case total = "total_ios"
                case clat = "clat_ns"
            }
        }

        struct Sync: Decodable {
            let lat: Latency

            enum CodingKeys: String, CodingKey { case lat = "lat_ns" }
        }

        struct Latency: Decodable {
            let count: Int
            let min: Double
            let max: Double
            let mean: Double
            let percentile: [String: Int]?
            let bins: [String: Int]?

            enum CodingKeys: String, CodingKey {
                case count = "N"
                case min, max, mean, percentile, bins
            }
        }
    }
}

extension Failure.Code {
    /// The output of a measuring program is damaged, incomplete or inconsistent.
    package static let probeUnreadable = Failure.Code("probe.unreadable")
}

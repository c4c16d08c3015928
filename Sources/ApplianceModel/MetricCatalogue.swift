/// Every figure that a check can measure. The ids are API: limits name them, and they identify the figures when two runs are compared.
package enum MetricCatalogue {
    package struct Entry: Sendable, Equatable {
        /// The part of the id after the id of the check that measures it.
        package let id: String
        package let unit: MetricUnit
        /// The title for people.
        package let title: String

        init(_ id: String, _ unit: MetricUnit, _ title: String) {
            self.id = id
            self.unit = unit
            self.title = title
        }
    }

    package static func entry(_ id: String) -> Entry? { byID[id] }

    package static let names = entries.map(\.id)

    private static let byID = Dictionary(entries.map { ($0.id, $0) }) { first, _ in first }

    package static let entries: [Entry] =
        [
            Entry("cpu.aes-speed.guest", .bytesPerSecond, "AES-256-GCM in the guest"),
            Entry("cpu.aes-speed.guest-masked", .bytesPerSecond, "AES-256-GCM in the guest, AES-NI masked"),
            Entry("cpu.aes-speed.guest-gain", .ratio, "AES-NI against none, guest"),
            Entry("cpu.aes-speed.host", .bytesPerSecond, "AES-256-GCM on the host"),
            Entry("cpu.aes-speed.host-masked", .bytesPerSecond, "AES-256-GCM on the host, AES-NI masked"),
            Entry("cpu.aes-speed.host-gain", .ratio, "AES-NI against none, host"),
            Entry("network.throughput.to-guest", .bytesPerSecond, "TCP from host to guest"),
            Entry("network.throughput.to-host", .bytesPerSecond, "TCP from guest to host"),
            Entry("network.round-trip.p50", .nanoseconds, "Round trip, median"),
            Entry("network.round-trip.p90", .nanoseconds, "Round trip, 90th percentile"),
            Entry("network.round-trip.p99", .nanoseconds, "Round trip, 99th percentile"),
            Entry("postgresql.pgbench.select-only", .transactionsPerSecond, "pgbench, select-only"),
            Entry("postgresql.pgbench.tpcb-like", .transactionsPerSecond, "pgbench, tpcb-like"),
            Entry("disk.virtualization-tax.p50", .nanoseconds, "Write without a disk behind it, median"),
            Entry("disk.virtualization-tax.p99", .nanoseconds, "Write without a disk behind it, 99th percentile"),
        ] + latency("disk.write-latency", "Durable 8 KiB write") + latency("disk.read-latency", "Random 8 KiB read")

    /// The figures from comparing guest and host.
    private static func latency(_ check: String, _ title: String) -> [Entry] {
        [
            Entry("\(check).p50", .nanoseconds, "\(title), median"),
            Entry("\(check).p99", .nanoseconds, "\(title), 99th percentile"),
            Entry("\(check).p99.9", .nanoseconds, "\(title), 99.9th percentile"),
            Entry("\(check).host-p50", .nanoseconds, "\(title), median on the host"),
            Entry("\(check).ratio", .ratio, "\(title), guest against host"),
        ]
    }
}

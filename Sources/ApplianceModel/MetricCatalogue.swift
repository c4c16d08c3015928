/// Every figure that a check can measure. The ids are API: limits name them, and figures of two runs are compared by them.
package enum MetricCatalogue {
    package struct Entry: Sendable, Equatable {
        /// Below the id of the check that measures it.
        package let id: String
        package let unit: MetricUnit
        /// For people.
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

    package static let entries: [Entry] = [
        Entry("disk.write-latency.p50", .nanoseconds, "Durable 8 KiB write, median"),
        Entry("disk.write-latency.p99", .nanoseconds, "Durable 8 KiB write, 99th percentile"),
        Entry("disk.write-latency.p99.9", .nanoseconds, "Durable 8 KiB write, 99.9th percentile"),
        Entry("disk.write-latency.ratio", .ratio, "Durable 8 KiB write, guest against host"),
    ]
}

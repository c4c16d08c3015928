package import Probes

/// A distribution in which every operation took about as long as in the round that it is made for.
package func histogram(_ median: Int, count: Int = 1_000) -> LatencyHistogram {
    LatencyHistogram(
        count: count, meanNanoseconds: Double(median),
        bins: [
            .init(nanoseconds: median / 2, count: count / 4), .init(nanoseconds: median, count: count / 2),
            .init(nanoseconds: median * 2, count: count - count / 4 - count / 2),
        ], percentiles: [:])
}

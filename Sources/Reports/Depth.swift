/// How much a verification may do.
package enum Depth: String, Sendable, Codable, CaseIterable {
    /// Looks and asks; measures nothing that a busy database would feel.
    case quick
    /// Measures latency, throughput and flushes under a bounded load.
    case standard
    /// The same with more rounds, and ends the postmaster once to see it come back.
    case full
}

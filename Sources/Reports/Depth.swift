/// How much a verification may do.
package enum Depth: String, Sendable, Codable, CaseIterable {
    /// Inspects and queries; measures nothing that a busy database would notice.
    case quick
    /// Measures latency, throughput and flushes under a limited load.
    case standard
    /// Does the same with more rounds, and ends the postmaster once to check that it comes back.
    case full
}

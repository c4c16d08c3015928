package import ApplianceModel
package import Reports

/// What the user wants from one verification.
package struct VerificationOptions: Sendable, Equatable {
    package var depth: Depth
    package var groups: [GroupName]
    /// Interleaved rounds of a measurement, 1 to 1000; nil uses the depth's number.
    package var rounds: Int?
    /// Ends the machine's process once, with SIGKILL, and starts it again.
    package var killsMachine: Bool
    package var limits: [MetricLimit]
    /// A former report with which the figures are compared.
    package var baseline: Report?

    package init(
        depth: Depth = .standard, groups: [GroupName] = GroupName.allCases, rounds: Int? = nil, killsMachine: Bool = false, limits: [MetricLimit] = [],
        baseline: Report? = nil
    ) {
        self.depth = depth
        self.groups = groups
        self.rounds = rounds
        self.killsMachine = killsMachine
        self.limits = limits
        self.baseline = baseline
    }

    /// The rounds to run: the requested number, or the depth's.
    package func rounds(standard: Int, full: Int) -> Int { rounds ?? (depth == .full ? full : standard) }
}

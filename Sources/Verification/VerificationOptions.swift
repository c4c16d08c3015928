package import ApplianceModel
package import Reports

/// What the user wants of one verification.
package struct VerificationOptions: Sendable, Equatable {
    package var depth: Depth
    package var groups: [GroupName]
    /// Interleaved rounds of a measurement, 1 to 1000; nil takes the depth's.
    package var rounds: Int?
    /// Ends the machine's process once, with SIGKILL, and starts it again.
    package var killsMachine: Bool
    package var limits: [MetricLimit]
    /// A former report that the figures are held against.
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

    /// The rounds to run: asked for, or those of the depth.
    package func rounds(standard: Int, full: Int) -> Int { rounds ?? (depth == .full ? full : standard) }
}

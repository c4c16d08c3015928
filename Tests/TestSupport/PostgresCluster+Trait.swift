package import Testing

/// Gives a whole suite one cluster, found at `PostgresCluster.shared`.
package struct SharedPostgresCluster: Testing.SuiteTrait, TestScoping {
    package func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void) async throws {
        try await PostgresCluster.with { cluster in
            try await PostgresCluster.$current.withValue(cluster) { try await function() }
        }
    }
}

extension Trait where Self == SharedPostgresCluster {
    /// Runs the suite beside one throwaway PostgreSQL cluster.
    package static var postgresCluster: Self { SharedPostgresCluster() }
}

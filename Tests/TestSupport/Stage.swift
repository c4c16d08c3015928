internal import SystemPackage

/// Parts of a long test, whose times are printed so that one sees where they go.
package enum Stage {
    /// Carries out a part; its time is printed as it ends, well or not.
    @discardableResult
    package static func run<Value>(_ name: String, _ body: () async throws -> Value) async rethrows -> Value {
        let start = ContinuousClock.now
        do {
            let value = try await body()
            report(name, "done", since: start)
            return value
        } catch {
            report(name, "failed", since: start)
            throw error
        }
    }

    private static func report(_ name: String, _ outcome: String, since start: ContinuousClock.Instant) {
        let seconds = (ContinuousClock.now - start).components.seconds
        _ = try? FileDescriptor.standardError.writeAll("-- \(name): \(outcome) after \(seconds / 60) min \(seconds % 60) s\n".utf8)
    }
}

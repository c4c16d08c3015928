/// Repeats a query until it returns a value or the deadline passes; tests can replace the clock.
/// - Returns: the value; nil when the deadline passed.
package func poll<C: Clock, Value>(
    every interval: C.Duration, until deadline: C.Instant, on clock: C, _ probe: () async throws -> Value?
) async throws -> Value? {
    while true {
        if let value = try await probe() { return value }
        let next = clock.now.advanced(by: interval)
        guard next < deadline else { return nil }
        try await clock.sleep(until: next, tolerance: nil)
    }
}

/// Runs something that must finish even if the surrounding task was cancelled: in a cancelled task every sleep and wait throws.
package func withoutCancellation<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await Task { try await body() }.value
}

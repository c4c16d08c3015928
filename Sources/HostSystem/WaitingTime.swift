internal import Synchronization

/// The time during which the program waited for programs, the guest, SSH or PostgreSQL; the rest of the wall time is
/// its own share. Overlapping waits count once.
package enum WaitingTime {
    private struct State {
        var depth = 0
        var since = ContinuousClock.now
        var total = Duration.zero
    }
    private static let state = Mutex(State())

    /// Counts the time that `body` takes as waiting.
    package static func measure<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        begin()
        defer { end() }
        return try await body()
    }

    /// The total waiting time since the process started.
    package static var total: Duration {
        state.withLock { $0.depth > 0 ? $0.total + (ContinuousClock.now - $0.since) : $0.total }
    }

    private static func begin() {
        state.withLock { state in
            if state.depth == 0 { state.since = .now }
            state.depth += 1
        }
    }

    private static func end() {
        state.withLock { state in
            state.depth -= 1
            if state.depth == 0 { state.total += .now - state.since }
        }
    }
}

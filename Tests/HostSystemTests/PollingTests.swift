import HostSystem
import Synchronization
import Testing

/// A clock whose sleepers wake at once, at the instant that they asked for.
private final class InstantClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private let time = Mutex(Instant(offset: .zero))
    var now: Instant { time.withLock { $0 } }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        time.withLock { $0 = max($0, deadline) }
    }
}

@Suite("Polling")
struct PollingTests {
    private let clock = InstantClock()

    @Test("An answer that is there at once costs no time")
    func atOnce() async throws {
        #expect(try await poll(every: .seconds(1), until: clock.now, on: clock) { 7 } == 7)
        #expect(clock.now.offset == .zero)
    }

    @Test("It asks once an interval until there is an answer")
    func later() async throws {
        var asked = 0
        let answer = try await poll(every: .seconds(2), until: clock.now.advanced(by: .seconds(60)), on: clock) {
            asked += 1
            return asked == 4 ? "here" : nil
        }
        #expect(answer == "here")
        #expect(clock.now.offset == .seconds(6))
    }

    @Test("It gives up by the deadline and never sleeps beyond it")
    func deadline() async throws {
        var asked = 0
        let answer: Int? = try await poll(every: .seconds(3), until: clock.now.advanced(by: .seconds(10)), on: clock) {
            asked += 1
            return nil
        }
        #expect(answer == nil)
        #expect(asked == 4)
        #expect(clock.now.offset == .seconds(9))
    }

    @Test("An error of the probe ends it")
    func error() async {
        struct Broken: Error {}
        await #expect(throws: Broken.self) {
            try await poll(every: .seconds(1), until: clock.now.advanced(by: .seconds(9)), on: clock) { throw Broken() } as Int?
        }
        #expect(clock.now.offset == .zero)
    }

    @Test("A cancelled task stops polling")
    func cancelled() async {
        let task = Task { [clock] in
            try await poll(every: .seconds(1), until: clock.now.advanced(by: .seconds(9)), on: clock) { () -> Int? in
                withUnsafeCurrentTask { $0?.cancel() }
                return nil
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("Cleanup runs to its end in a task that was cancelled")
    func cleanup() async throws {
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            #expect(Task.isCancelled)
            return try await withoutCancellation {
                try await ContinuousClock().sleep(for: .milliseconds(1))
                return Task.isCancelled
            }
        }
        #expect(try await task.value == false)
    }

    @Test("Cleanup hands its error on")
    func cleanupError() async {
        struct Broken: Error {}
        await #expect(throws: Broken.self) { try await withoutCancellation { throw Broken() } }
    }
}

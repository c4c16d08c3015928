import HostSystem
import Testing

/// The total belongs to the process, and other tests wait meanwhile: what is asserted holds for any number of them.
@Suite("The time spent waiting")
struct WaitingTimeTests {
    private let clock = ContinuousClock()

    @Test("A wait counts in full, and waits that overlap count once")
    func overlapping() async throws {
        var shortest = Duration.zero
        let start = clock.now
        let before = WaitingTime.total
        do {
            try await WaitingTime.measure {
                try await WaitingTime.measure {
                    shortest = try await clock.measure { try await clock.sleep(for: .milliseconds(30)) }
                }
            }
        }
        let counted = WaitingTime.total - before
        #expect(counted >= shortest)
        #expect(counted <= clock.now - start)
    }

    @Test("A wait that still goes on is in the total already")
    func ongoing() async throws {
        try await WaitingTime.measure {
            let before = WaitingTime.total
            let slept = try await clock.measure { try await clock.sleep(for: .milliseconds(5)) }
            #expect(WaitingTime.total - before >= slept)
        }
    }

    @Test("Time outside of a wait does not count, also after a wait that threw")
    func outside() async {
        await #expect(processExitsWith: .success) {
            struct Interrupted: Error {}
            await #expect(throws: Interrupted.self) { try await WaitingTime.measure { throw Interrupted() } }
            let before = WaitingTime.total
            try await ContinuousClock().sleep(for: .milliseconds(5))
            #expect(WaitingTime.total == before)
        }
    }

    @Test("The value of the wait is handed through")
    func value() async {
        #expect(await WaitingTime.measure { 42 } == 42)
    }
}

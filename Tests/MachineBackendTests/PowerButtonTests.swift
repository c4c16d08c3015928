import ApplianceModel
import Basics
import Synchronization
import TestSupport
import Testing

@testable import MachineBackend

@Suite("The power button")
struct PowerButtonTests {
    @Test("It is pressed before the first wait, and not at all where the guest is down already")
    func presses() async throws {
        let presses = Mutex(0)
        let button = PowerButton(name: "orders", pause: .milliseconds(1)) { presses.withLock { $0 += 1 } }
        try await button.press(for: .seconds(600)) { true }
        #expect(presses.withLock { $0 } == 0)
        try await button.press(for: .seconds(600)) { presses.withLock { $0 } > 0 }
        #expect(presses.withLock { $0 } == 1)
    }

    @Test("A guest that does not hear it is left running, with the ways on")
    func deaf() async throws {
        let button = PowerButton(name: "orders", pause: .milliseconds(1)) {}
        let failure = await #expect(throws: Failure.self) { try await button.press(for: .milliseconds(20)) { false } }
        #expect(failure?.code == .machineStillRunning)
        #expect(failure?.remedy?.contains("pgkvm stop --force orders") == true)
    }

    @Test("A paused guest cannot hear it")
    func paused() {
        let button = PowerButton(name: "orders", pause: .milliseconds(1)) {}
        let failure = #expect(throws: Failure.self) { try button.check(.paused(reason: "the disk is full", remedy: "free space")) }
        #expect(failure?.message.contains("the disk is full") == true)
        #expect(failure?.remedy == "free space")
        #expect(throws: Never.self) { for state in [PowerState.running, .unresponsive, .off] { try button.check(state) } }
    }

    @Test("What the look at the machine throws ends the wait")
    func unknown() async throws {
        let button = PowerButton(name: "orders", pause: .milliseconds(1)) {}
        let failure = await #expect(throws: Failure.self) { try await button.press(for: .seconds(600)) { throw Failure(.unsupported, "no answer") } }
        #expect(failure?.code == .unsupported)
    }
}

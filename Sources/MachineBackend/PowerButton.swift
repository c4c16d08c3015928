internal import ApplianceModel
internal import Basics
internal import HostSystem

/// The power button of a machine on this host, pressed until its guest has shut down.
package struct PowerButton: Sendable {
    let name: String
    let pause: Duration
    let press: @Sendable () async -> Void

    /// - Parameters:
    ///   - name: the appliance's name, for messages.
    ///   - pause: the time between two checks of the machine.
    ///   - press: presses the button once; only the guest's shutdown shows whether the guest reacted.
    package init(name: String, pause: Duration, press: @escaping @Sendable () async -> Void) {
        self.name = name
        self.pause = pause
        self.press = press
    }

    /// Checks that the guest can react to the button.
    /// - Throws: `machine.still-running` for a guest that is paused.
    package func check(_ state: PowerState) throws {
        guard case .paused(let reason, let remedy) = state else { return }
        throw Failure(.machineStillRunning, "'\(name)' is paused and cannot shut down: \(reason)", remedy: remedy)
    }

    /// Asks the guest to shut down until it has done so.
    /// - Throws: `machine.still-running` after `grace`; the guest then continues to run. Also what `hasEnded` throws.
    package func press(for grace: Duration, until hasEnded: () async throws -> Bool) async throws {
        let clock = ContinuousClock()
        var nextPress = clock.now
        let isOff = try await WaitingTime.measure {
            try await poll(every: pause, until: clock.now + grace, on: clock) { () -> Bool? in
                guard try await !hasEnded() else { return true }
                // A guest that is still booting ignores the power button, so press it again.
                if clock.now >= nextPress {
                    await press()
                    nextPress = clock.now + .seconds(10)
                }
                return nil
            }
        }
        guard isOff == true else {
            throw Failure(
                .machineStillRunning, "the guest of '\(name)' has not shut down after \(grace.components.seconds) s; it is left running",
                remedy: "wait with 'pgkvm stop \(name) --grace SECONDS', or cut its power with 'pgkvm stop --force \(name)'")
        }
    }
}

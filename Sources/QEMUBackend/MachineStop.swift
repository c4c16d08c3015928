package import ApplianceModel
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// What systemd runs when it stops a machine's unit: the guest is asked to shut down until it has.
///
/// A hidden command of this program. systemd also runs it when the machine has ended by itself, and while the appliance is being removed. So it
/// knows the machine's directory alone, and asks neither the journal nor systemd, whose unit is stopping as long as this runs.
package struct MachineStop: Sendable {
    /// The hidden command of this program.
    package static let commandName = "end-machine"
    /// The default time for a guest to shut down.
    package static let grace = Duration.seconds(300)

    let name: ApplianceName
    let directory: MachineDirectory

    package init(name: ApplianceName, directory: MachineDirectory) {
        self.name = name
        self.directory = directory
    }

    /// What follows this program's path.
    var arguments: [String] { [Self.commandName, name.rawValue, "--machine", directory.path.string] }

    /// Returns once QEMU has ended; at once when none runs.
    /// - Throws: `machine.still-running` for a guest that has not shut down in time, or cannot.
    package func run(grace: Duration = grace) async throws {
        guard try QEMUProcess.id(in: directory) != nil else { return }
        let button = PowerButton(name: name.rawValue, directory: directory)
        try await button.checkListens()
        try await button.press(for: grace) { try QEMUProcess.id(in: directory) == nil }
    }
}

/// The power button of a machine.
struct PowerButton: Sendable {
    let name: String
    let directory: MachineDirectory

    /// - Throws: `machine.still-running` for a guest that is paused.
    func checkListens() async throws {
        guard let monitor = try? await QMPClient.connect(directory.file(MachineDirectory.Name.monitorSocket), timeout: .seconds(5)),
            let status = try? await monitor.execute("query-status")["status"]?.string
        else { return }
        try check(QEMUBackend.powerState(status: status, name: name))
    }

    func check(_ state: PowerState) throws {
        guard case .paused(let reason, let remedy) = state else { return }
        throw Failure(.machineStillRunning, "'\(name)' is paused and cannot shut down: \(reason)", remedy: remedy)
    }

    /// Asks the guest to shut down until it has.
    /// - Throws: `machine.still-running` after `grace`.
    func press(for grace: Duration, until hasEnded: () async throws -> Bool) async throws {
        let clock = ContinuousClock()
        var nextPress = clock.now
        let isOff = try await WaitingTime.measure {
            try await poll(every: .milliseconds(200), until: clock.now + grace, on: clock) { () -> Bool? in
                guard try await !hasEnded() else { return true }
                // A guest that is still booting ignores the power button: press it again.
                if clock.now >= nextPress {
                    _ = try? await QMPClient.connect(directory.file(MachineDirectory.Name.monitorSocket), timeout: .seconds(2))?.execute("system_powerdown")
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

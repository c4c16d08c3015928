package import ApplianceModel
internal import Basics
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
        if let state = await knownState() { try button.check(state) }
        try await button.press(for: grace) { try QEMUProcess.id(in: directory) == nil }
    }

    /// What the monitor says of the guest; nil where it does not answer.
    private func knownState() async -> PowerState? {
        guard let monitor = try? await QMPClient.connect(directory.file(MachineDirectory.Name.monitorSocket), timeout: .seconds(5)),
            let status = try? await monitor.execute("query-status")["status"]?.string
        else { return nil }
        return QEMUBackend.powerState(status: status, name: name.rawValue)
    }
}

extension PowerButton {
    /// That of a machine of QEMU's, pressed over its monitor.
    init(name: String, directory: MachineDirectory) {
        self.init(name: name, pause: .milliseconds(200)) {
            _ = try? await QMPClient.connect(directory.file(MachineDirectory.Name.monitorSocket), timeout: .seconds(2))?.execute("system_powerdown")
        }
    }
}

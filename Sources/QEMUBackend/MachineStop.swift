package import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// The command that systemd runs when it stops a machine's unit: it asks the guest to shut down until the guest has done so.
///
/// It is a hidden command of this program. systemd also runs it when the machine has ended by itself, and while the appliance is being removed.
/// So it uses only the machine's directory. It asks neither the journal nor systemd, whose unit is stopping while this command runs.
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

    /// The arguments after this program's path.
    var arguments: [String] { [Self.commandName, name.rawValue, "--machine", directory.path.string] }

    /// Returns once QEMU has ended; at once when QEMU does not run.
    /// - Throws: `machine.still-running` for a guest that has not shut down in time, or cannot.
    package func run(grace: Duration = grace) async throws {
        guard try QEMUProcess.id(in: directory) != nil else { return }
        let button = PowerButton(name: name.rawValue, directory: directory)
        if let state = await knownState() { try button.check(state) }
        try await button.press(for: grace) { try QEMUProcess.id(in: directory) == nil }
    }

    /// The guest's state as the monitor reports it; nil where the monitor does not answer.
    private func knownState() async -> PowerState? {
        guard let monitor = try? await QMPClient.connect(directory.file(MachineDirectory.Name.monitorSocket), timeout: .seconds(5)),
            let status = try? await monitor.execute("query-status")["status"]?.string
        else { return nil }
        return QEMUBackend.powerState(status: status, name: name.rawValue)
    }
}

extension PowerButton {
    /// The power button of a QEMU machine, pressed through its monitor.
    init(name: String, directory: MachineDirectory) {
        self.init(name: name, pause: .milliseconds(200)) {
            _ = try? await QMPClient.connect(directory.file(MachineDirectory.Name.monitorSocket), timeout: .seconds(2))?.execute("system_powerdown")
        }
    }
}

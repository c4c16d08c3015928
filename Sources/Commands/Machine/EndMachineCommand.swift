internal import ApplianceModel
internal import ArgumentParser
internal import HostSystem
internal import MachineBackend
internal import QEMUBackend
internal import Quoting
internal import SystemPackage

/// The command that systemd runs when it stops a machine's unit.
struct EndMachineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: MachineStop.commandName, abstract: "Have a machine's guest shut down and wait until its QEMU has ended (for pgkvm itself)",
        discussion: """
            EXAMPLE
              pgkvm end-machine orders --machine /var/lib/pgkvm/orders/machines/0
            """, shouldDisplay: false)

    @Argument(help: "Name of the appliance") var name: String
    @Option(help: ArgumentHelp("The machine's directory", valueName: "directory")) var machine: String
    @Option(help: ArgumentHelp("Seconds that the guest may take to shut down", valueName: "seconds")) var grace = Int(MachineStop.grace.components.seconds)

    func validate() throws {
        guard ApplianceName(name) != nil else { throw ValidationError("'\(name)' is not an appliance name") }
        guard machine.begins(with: "/") else { throw ValidationError("--machine takes an absolute path") }
        guard grace > 0 else { throw ValidationError("--grace takes a positive number of seconds") }
    }

    func run() async throws {
        guard let name = ApplianceName(name) else { return }
        try await MachineStop(name: name, directory: MachineDirectory(path: FilePath(machine))).run(grace: .seconds(grace))
    }
}

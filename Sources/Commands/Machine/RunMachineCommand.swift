internal import ApplianceModel
internal import ArgumentParser
internal import HostSystem
internal import QEMUBackend
internal import Quoting
internal import SystemPackage

/// Runs before QEMU's own command, as its keeper.
struct RunMachineCommand: WholeProcessCommand {
    static let configuration = CommandConfiguration(
        commandName: MachineKeeper.commandName, abstract: "Start a machine's QEMU as its own user and stay until it ends (for pgkvm itself)",
        discussion: """
            EXAMPLE
              pgkvm run-machine --machine /var/lib/pgkvm/orders/machines/0 --user 1879048192:1879048192 -- qemu-system-x86_64 -display none
            """, shouldDisplay: false)

    @Option(help: ArgumentHelp("The machine's directory", valueName: "directory")) var machine: String
    @Option(help: ArgumentHelp("The ids that QEMU runs as; without them it runs as the caller", valueName: "user:group")) var user: QEMUUser.IDs?
    @Flag(help: "Let QEMU use /dev/kvm") var kvm = false
    @Option(help: ArgumentHelp("How many descriptors, from 3 on, are for QEMU", valueName: "number")) var descriptors = 0
    @Option(help: ArgumentHelp("The directory of the firmware's code", valueName: "directory")) var firmware: String?
    @Argument(parsing: .postTerminator, help: "QEMU and its arguments") var command: [String]

    func validate() throws {
        guard machine.begins(with: "/") else { throw ValidationError("--machine takes an absolute path") }
        let most = ConfinedProgram.consoleNumber - 3
        guard (0...most).contains(descriptors) else { throw ValidationError("--descriptors takes 0 to \(most)") }
    }

    func stay() throws -> Int32 {
        let keeper = MachineKeeper(
            directory: MachineDirectory(path: FilePath(machine)), user: user, usesKVM: kvm, descriptorCount: descriptors,
            firmware: firmware.map { FilePath($0) })
        return try keeper.run(command)
    }
}

extension QEMUUser.IDs: ExpressibleByArgument {}

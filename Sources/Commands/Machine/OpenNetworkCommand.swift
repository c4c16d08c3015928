internal import ArgumentParser
internal import HostSystem
internal import QEMUBackend

/// Runs before QEMU's own command if the guest is on a network of the host.
struct OpenNetworkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: NetworkHandover.commandName, abstract: "Open a machine's network and become its QEMU (for pgkvm itself)",
        discussion: """
            EXAMPLE
              pgkvm open-network --device pg-525400a1b2c3 --bridge br0 --queues 1 -- qemu-system-x86_64 -netdev tap,id=net0,fd=3
            """, shouldDisplay: false)

    @Option(help: ArgumentHelp("The tap device", valueName: "device")) var device: String
    @Option(help: ArgumentHelp("The bridge that it is put on", valueName: "device")) var bridge: String?
    @Option(help: ArgumentHelp("The MAC address of a device that is put on a bridge", valueName: "address")) var address: String?
    @Option(help: ArgumentHelp("How many queues the guest's card has", valueName: "number")) var queues: Int
    @Flag(help: "Open vhost for each of them") var vhost = false
    @Argument(parsing: .postTerminator, help: "The command that gets the descriptors as 3, 4, …") var command: [String]

    func validate() throws {
        guard (1...TapDevice.mostQueues).contains(queues) else { throw ValidationError("--queues takes 1 to \(TapDevice.mostQueues)") }
    }

    func run() async throws {
        let handover = NetworkHandover(bridge: bridge, address: address, device: device, queues: queues, usesVhost: vhost)
        try ProgramChange.become(command, descriptors: try await handover.open())
    }
}

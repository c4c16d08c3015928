internal import ArgumentParser
internal import HostSystem
internal import QEMUBackend

/// Runs before QEMU's own command if passt carries the guest's packets.
struct StartPasstCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: PasstForwarding.commandName, abstract: "Start passt and become the machine's QEMU (for pgkvm itself)",
        discussion: """
            EXAMPLE
              pgkvm start-passt --forward 22:40022 --forward 5432:45432 -- qemu-system-x86_64 -netdev stream,id=net0,addr.type=fd,addr.str=3
            """, shouldDisplay: false)

    @Option(help: ArgumentHelp("A port of the guest and the one of 127.0.0.1 that leads to it", valueName: "guest:host"))
    var forward: [PasstForwarding.Forward]
    @Option(help: ArgumentHelp("The ids that passt and its relay run as; without them they run as the caller", valueName: "user:group"))
    var user: QEMUUser.IDs?
    @Argument(parsing: .postTerminator, help: "The command that gets the guest's end of the network as descriptor 3") var command: [String]

    func run() async throws {
        let forwarding = PasstForwarding(forwards: forward, user: user)
        try ProgramChange.become(command, descriptors: [try await forwarding.open(program: Composition.executable)])
    }
}

extension PasstForwarding.Forward: ExpressibleByArgument {}

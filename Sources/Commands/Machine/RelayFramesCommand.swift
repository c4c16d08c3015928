internal import ArgumentParser
internal import HostSystem
internal import QEMUBackend
internal import SystemPackage

/// Relays between a machine's QEMU and its passt.
struct RelayFramesCommand: WholeProcessCommand {
    static let configuration = CommandConfiguration(
        commandName: FrameRelay.commandName, abstract: "Keep a guest's packets from this host itself (for pgkvm itself)",
        discussion: """
            EXAMPLE
              pgkvm relay-frames --user 997 --group 996
            """, shouldDisplay: false)

    @Option(help: ArgumentHelp("The user whose rights are enough", valueName: "id")) var user: UInt32?
    @Option(help: ArgumentHelp("That user's group", valueName: "id")) var group: UInt32?

    func stay() throws -> Int32 {
        let ids: (user: UInt32, group: UInt32)? = if let user, let group { (user, group) } else { nil }
        try ProcessRights.drop(to: ids)
        // The relay ends normally when one of the ends has gone, so the error is ignored.
        try? FrameRelay(machine: FileDescriptor(rawValue: 3), forwarder: FileDescriptor(rawValue: 4)).run()
        return ExitStatus.done
    }
}

internal import Quoting

/// The reasons why a Proxmox VE server refuses, as far as pgkvm acts on them. The server does not have codes for them: its words are matched only
/// here. `ServerReasonTests` has a recorded answer for each.
enum ServerReason: CaseIterable, Sendable {
    /// The machine's configuration file is gone: the machine was deleted, or is now on another node.
    case machineGone
    /// Another machine has taken the number.
    case numberTaken
    /// The machine was already started by someone else.
    case alreadyRunning
    /// The operation needs the machine to be off, but it runs.
    case running
    /// Another task has locked the machine.
    case locked
    /// The machine is already under HA.
    case alreadyManaged
    /// A running machine applies the change only at its next stop.
    case hotplug
    /// The guest has not released a device yet.
    case stillBusy
    /// The machine's configuration does not have a guest agent.
    case noGuestAgent
    /// The name of a node cannot be resolved.
    case unknownNode

    /// Whether the server's words mean this reason.
    func isGiven(in words: String) -> Bool {
        switch self {
        case .machineGone: words.contains(#/[Cc]onfiguration file '[^']*' does not exist/#)
        case .numberTaken: words.contains(#/VM [0-9]+ already exists|config file already exists/#)
        case .alreadyRunning: words.contains("already running")
        case .running: words.contains(#/VM [0-9]+ is running/#)
        case .locked: words.contains("is locked (")
        case .alreadyManaged: words.contains("already defined")
        case .hotplug: words.begins(with: "hotplug problem")
        case .stillBusy: words.contains("still busy")
        case .noGuestAgent: words.contains("No QEMU guest agent configured")
        case .unknownNode: words.begins(with: "hostname lookup")
        }
    }
}

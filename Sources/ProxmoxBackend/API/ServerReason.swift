internal import Quoting

/// Why a Proxmox VE server refuses, as far as pgkvm acts on it. The server has no codes for these: its words are matched here and nowhere else.
/// `ServerReasonTests` has a recorded answer for each.
enum ServerReason: CaseIterable, Sendable {
    /// The machine's configuration file is gone: the machine was deleted, or is on another node by now.
    case machineGone
    /// Another machine took the number.
    case numberTaken
    /// The machine was started by somebody else.
    case alreadyRunning
    /// What only works on a machine that is off was asked of one that runs.
    case running
    /// Other work has locked the machine.
    case locked
    /// The machine is under HA already.
    case alreadyManaged
    /// A change that a running machine takes only with its next stop.
    case hotplug
    /// The guest has not let go of a device yet.
    case stillBusy
    /// The machine has no guest agent in its configuration.
    case noGuestAgent
    /// The name of a node cannot be resolved.
    case unknownNode

    /// Whether the server's words give this reason.
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

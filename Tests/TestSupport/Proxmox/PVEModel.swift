internal import ApplianceModel
package import Basics
package import SystemPackage

/// What a Proxmox VE server holds, for `PVEServer`: values that a test arranges and looks at.
package struct PVEModel: Sendable {
    package struct Node: Sendable {
        package var isOnline = true
        package var processors = 8
        /// 0 to 1.
        package var load = 0.1
        package var memory = ByteSize.gibibytes(32)
        package var usedMemory = ByteSize.gibibytes(4)
        package var bridges = ["vmbr0"]
        /// Bridges that are configured and not applied yet: they are listed, and no machine starts with one.
        package var pendingBridges: [String] = []
        package var hasKVM = true

        package init() {}
    }

    package struct Store: Sendable {
        package var kind: String
        package var content: Set<String>
        package var isShared = false
        package var isActive = true
        package var total = ByteSize.gibibytes(200)
        package var used = ByteSize.gibibytes(20)
        /// What is neither used nor free, such as the blocks that a file system reserves for root.
        package var kept = ByteSize(bytes: 0)
        /// Nil is every node.
        package var nodes: Set<String>?

        package init(kind: String, content: Set<String>) {
            self.kind = kind
            self.content = content
        }

        var available: ByteSize { ByteSize(bytes: max(0, total.bytes - used.bytes - kept.bytes)) }
    }

    package struct Machine: Sendable {
        package var node: String
        /// What it has; what is pending is beside it.
        package var config: [String: String]
        /// What gets in force with the next stop.
        package var pending: [String: String] = [:]
        package var pendingDeletions: Set<String> = []
        /// `running`, `paused`, `io-error`, …; nil is off.
        package var state: String?
        /// How many bytes of a drive its store really has, by the drive.
        package var written: [String: Int64] = [:]
        /// Whether the guest lets a shutdown pass unheard.
        package var isDeaf = false
        /// What the agent says; nil while it does not.
        package var address: String?
        /// What the HA manager is to bring about at one of the next looks at the machine.
        var requested: (state: String?, looks: Int)?
        /// Whether its system disk has other bytes than the image: that was written to while it was read.
        package var isTorn = false
        /// In how many more lists it has no name yet.
        var listsWithoutName = 0

        package init(node: String, config: [String: String], state: String? = nil) {
            self.node = node
            self.config = config
            self.state = state
        }
    }

    package struct File: Sendable {
        package let path: FilePath
        package let size: Int64
        /// How much of it is there already, as a list shows it.
        var written: Int64

        package init(path: FilePath, size: Int64) {
            self.path = path
            self.size = size
            written = size
        }
    }

    struct Work: Sendable {
        enum Effect: Sendable {
            case create(Int, [String: String])
            case start(Int)
            case stop(Int)
            case shutDown(Int)
            /// With every volume of that number, or only what the configuration names.
            case destroy(Int, isThorough: Bool)
            case resize(Int, String, Int64)
            case keep(FilePath, volume: String, Int64, checksum: String?)
            case remove(String)
            case none
        }
        let upid: String
        let type: String
        let node: String
        let subject: String
        let effect: Effect
        var lines: [String]
        /// How many lines the next looks at the log find, one after the other; then all.
        var shownLines: [Int] = [0]
        /// How many more looks it takes; nil never ends.
        var looks: Int?
        var exit: String?
        /// With what it fails, whatever it would have done.
        var failure: String?
        var warning: String?
        /// Whether somebody ended it; that takes effect with the next looks.
        var isStopped = false
    }

    /// What goes wrong, once for each time that it is put here.
    package struct Fault: Sendable {
        package enum Action: Sendable {
            /// The server answers this and does nothing.
            case answer(status: Int, reason: String, body: String)
            /// The connection ends and nothing was done.
            case cutBefore
            /// It was done, and the connection ends.
            case cutAfter
            /// The connection ends after so many bytes of the body.
            case cutUpload(after: Int)
            /// The connection ends, and the upload goes on without it: it arrives so many requests later.
            case lateUpload(after: Int)
            /// The work that it begins fails with these words.
            case failTask(String)
            /// The work that it begins ends with this warning.
            case warnTask(String)
            /// The work that it begins never ends.
            case endlessTask
        }
        package let method: String
        /// A part of the path.
        package let path: String
        package let action: Action
        /// How many such requests go well before.
        var skipping: Int

        package init(_ method: String, _ path: String, _ action: Action, skipping: Int = 0) {
            self.method = method
            self.path = path
            self.action = action
            self.skipping = skipping
        }
    }

    package var release = "9.2"
    package var nodes: [String: Node] = ["pve1": Node()]
    package var stores: [String: Store] = ["local": Store(kind: "dir", content: ["images", "import", "iso", "rootdir", "vztmpl", "backup", "snippets"])]
    package var machines: [Int: Machine] = [:]
    /// By volume; those of a store that is not shared begin with `NODE/`.
    package var files: [String: File] = [:]
    /// What the HA manager has, with the wanted state.
    package var ha: [String: String] = [:]
    package var haComments: [String: String] = [:]
    /// By the number of the machine.
    package var replication: [Int: [ReplicationJob]] = [:]
    /// The token's rights by path; nil is all of them.
    package var privileges: [String: Set<String>]?
    /// The paths whose rights are for themselves only, and not for what lies below.
    package var notPropagated: Set<String> = []
    package var pools: Set<String> = ["databases"]
    package var faults: [Fault] = []
    /// Whether a creation that is ended leaves its number, with its lock.
    package var endedCreationsStay = false
    /// In how many lists a new machine has no name yet; its tags are known at once.
    package var listsWithoutName = 0
    /// How many numbers are taken by others right after they were given out.
    package var races = 0
    /// From which request on the server does not answer any more, counted from 1, and whether it still carries that one out.
    package var silence: (from: Int, carriesOut: Bool)?
    /// How long a token that is not taken waits for its refusal; the real server takes three seconds.
    package var refusalDelay = Duration.zero
    /// Whether whole numbers come as texts, now and then.
    package var textNumbers = true
    /// How many more times a running guest holds on to a drive that is taken away.
    package var busyUnplugs = 0
    /// Whether drives are plugged and unplugged while a machine runs; else the change is pending, and the server says nothing of that.
    package var hotplugsDisks = true
    var tasks: [String: Work] = [:]
    /// The numbers of machines whose image is being written to while it is read.
    var tornCreations: Set<Int> = []
    /// Uploads that arrive after so many more requests.
    var lateUploads: [(requests: Int, request: PVERequest, upload: PVEUpload)] = []
    package var taskOrder: [String] = []
    var nextTask = 1

    package init() {}

    /// Begins the creation of a machine by the same token, for somebody else.
    /// - Returns: the identifier of the work.
    package mutating func beginCreation(_ vmid: Int, of image: String, node: String = "pve1", isEndless: Bool = true) -> String {
        machines[vmid] = Machine(node: node, config: ["lock": "create"])
        let upid = begin(
            "qmcreate", node: node, subject: "\(vmid)", .create(vmid, ["name": "other"]),
            lines: ["efidisk0: successfully created disk 'local:\(vmid)/vm-\(vmid)-disk-0.raw'", "create full clone of drive (\(image))"],
            isEndless ? .endlessTask : nil)
        return upid.string ?? ""
    }

    /// How a task has ended; nil while it runs.
    package func exit(of task: String) -> String? { tasks[task]?.exit }

    /// The strangers, as they were put there: to be compared at the end.
    package var strangers: [Int: [String: String]] {
        machines.filter { !($0.value.config["description"] ?? "").contains("pgkvm-deployment") }.mapValues(\.config)
    }
}

/// A request as the server saw it.
package struct PVERequest: Sendable {
    package let method: String
    /// Below `/api2/json`, decoded.
    package let segments: [String]
    package let parameters: [(name: String, value: String)]
    /// By lower-case name.
    package let headers: [String: String]

    package var path: String { "/" + segments.joined(separator: "/") }
    package func value(_ name: String) -> String? { parameters.first { $0.name == name }?.value }
}

package import ApplianceModel
package import Basics
package import SystemPackage

/// The handle by which a machine is found again.
package struct MachineReference: Sendable, Equatable, Codable {
    package let backend: BackendKind
    package let deployment: DeploymentID
    /// What the backend calls the machine; for QEMU the appliance's name.
    package let identifier: String

    package init(backend: BackendKind, deployment: DeploymentID, identifier: String) {
        self.backend = backend
        self.deployment = deployment
        self.identifier = identifier
    }
}

/// What a machine is doing, as its platform says.
package enum PowerState: Sendable, Equatable {
    /// There is no such machine.
    case absent
    case off
    case running
    /// It exists and does not run: why, and the way on.
    case paused(reason: String, remedy: String)
    /// Its process lives and does not answer.
    case unresponsive

    /// One word for lists and JSON.
    package var word: String {
        switch self {
        case .absent: "absent"
        case .off: "off"
        case .running: "running"
        case .paused: "paused"
        case .unresponsive: "unresponsive"
        }
    }
}

/// A service in the guest that the host talks to.
package enum GuestService: String, Sendable, CaseIterable {
    case ssh, postgresql

    /// Where it listens in the guest.
    package var port: UInt16 { self == .ssh ? 22 : 5432 }
}

/// What `check-host` learns: the accelerator to use, whether the platform can run the guest, and what to tell the user.
package struct HostReport: Sendable, Equatable, Codable {
    package let accelerator: Accelerator
    package let findings: [Finding]
    /// Where a new machine goes; nil on a platform with one place only, and in reports of older versions.
    package let place: MachinePlace?

    package init(accelerator: Accelerator, findings: [Finding], place: MachinePlace? = nil) {
        self.accelerator = accelerator
        self.findings = findings
        self.place = place
    }
}

/// One virtualization platform.
///
/// Calls are repeatable: creating a machine that already carries our id returns its reference (a stranger of that name is an
/// error); starting a running machine or deleting an absent one does nothing.
package protocol MachineBackend: MachinePlanning, MachineResizing, AutostartProviding {
    var kind: BackendKind { get }
    /// What this platform can do beyond what every one can.
    var capabilities: Capabilities { get }

    /// What this platform does in one part of a deployment.
    func words(for work: MachineWork, _ spec: ApplianceSpec) -> WorkWords
    /// How a person reaches the console of a machine that pgkvm cannot show.
    func consoleByHand(of name: ApplianceName) -> String

    /// Examines the host before anything is created.
    /// - Parameter place: where an earlier call decided to put the machine, for this call and the next two; nil chooses a place.
    /// - Throws: what makes the deployment impossible, with the remedy.
    func checkHost(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> HostReport
    /// Chooses cache mode, aio and threads by probes on the file system that will hold the disks.
    func decideDisks(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> (DiskDecision, [Finding])
    /// Chooses MAC address and ports, or the way to the host's bridge or tap device. A port that is in use, and a device that is missing
    /// or not for this user, are refused.
    func decideNetwork(_ spec: ApplianceSpec, deployment: DeploymentID, at place: MachinePlace?) async throws -> NetworkDecision

    func create(_ spec: MachineSpec) async throws -> MachineReference
    /// Attaches the NoCloud medium for the next start. The backend takes the file over.
    func attachSeed(_ medium: FilePath, to machine: MachineReference) async throws
    /// Takes the seed away, from a running machine too, and deletes its medium.
    func detachSeed(from machine: MachineReference) async throws
    func start(_ machine: MachineReference) async throws
    /// Asks the guest to shut down and waits until the machine is off.
    /// - Throws: `machine.still-running` after `grace`; the machine then goes on.
    func shutDown(_ machine: MachineReference, grace: Duration) async throws
    /// Ends the machine at once: a power cut for the guest.
    func powerOff(_ machine: MachineReference) async throws
    func delete(_ machine: MachineReference) async throws
    func powerState(of machine: MachineReference) async throws -> PowerState
    /// The machine of a deployment, wherever it is by now; nil if there is none.
    func find(_ deployment: DeploymentID, name: ApplianceName) async throws -> MachineReference?
    /// Where the host reaches a service of the guest; nil while it has no address.
    func endpoint(of machine: MachineReference, service: GuestService) async throws -> Endpoint?
}

/// The same where no place was decided before.
extension MachineBackend {
    package func checkHost(_ spec: ApplianceSpec) async throws -> HostReport { try await checkHost(spec, at: nil) }
    package func decideDisks(_ spec: ApplianceSpec) async throws -> (DiskDecision, [Finding]) { try await decideDisks(spec, at: nil) }
    package func decideNetwork(_ spec: ApplianceSpec, deployment: DeploymentID) async throws -> NetworkDecision {
        try await decideNetwork(spec, deployment: deployment, at: nil)
    }
}

/// A backend that keeps records of its machines on this host.
package protocol RecordKeeping: Sendable {
    /// Moves what an older version kept elsewhere to where only pgkvm's user writes. The caller holds the appliance's lock; a running machine
    /// goes on as it is.
    /// - Parameter network: what the journal says was decided; nil while nothing was.
    /// - Throws: `machine.failed` for a record that is not the one that the journal tells of.
    func takeOverRecords(of name: ApplianceName, deployment: DeploymentID, network: NetworkDecision?) async throws
}

/// A backend that is asked over a network.
package protocol RemotePlatform: Sendable {
    /// Whether the platform just did not answer, and may do so in a moment.
    func isSilence(_ failure: Failure) -> Bool
}

/// A backend that can be told to ask no other machine.
package protocol OfflineAnswering: Sendable {
    /// Whether a failure only says that the platform was not asked.
    func isUnasked(_ failure: Failure) -> Bool
}

/// A backend that finds a machine of this host by its appliance's name alone, also where pgkvm has lost its record of it.
package protocol RemainsProviding: Sendable {
    /// The machine that the platform's own record names, whoever it belongs to; nil where there is none that can be read.
    func recordedMachine(of name: ApplianceName) -> MachineReference?
    /// Whether something runs under the name, asked of whatever started it and of the processes themselves.
    func runs(_ name: ApplianceName) async throws -> Bool
    /// Ends what runs under the name. It is no error when nothing runs.
    /// - Parameter grace: how long a guest may take to shut down; nil cuts its power.
    /// - Throws: `machine.still-running`.
    func end(_ name: ApplianceName, grace: Duration?) async throws
    /// Cuts the power of what runs under the name, and takes away what this host has of the machine outside its directory.
    /// - Throws: `machine.still-running`.
    func remove(_ name: ApplianceName) async throws
}

/// A backend whose machines' serial console is written down.
package protocol SerialLogProviding: Sendable {
    /// The file of this host that receives everything the guest prints; nil where it lies elsewhere.
    func serialLog(of machine: MachineReference) -> FilePath?
}

/// A backend whose machines have a serial console on this host.
package protocol SerialConsoleProviding: SerialLogProviding {
    /// The stream socket of the console.
    func serialSocket(of machine: MachineReference) -> FilePath
}

/// A backend whose machines are processes of this host, where the spec places them on it.
package protocol ProcessProviding: Sendable {
    /// The process of a running machine; nil when it does not run, and where this host does not show it.
    func processID(of machine: MachineReference) async throws -> Int32?
    /// The name under which `ps` and `top` show it, 15 bytes at most; nil where the platform promises none.
    func processName(of machine: MachineReference) -> String?
    /// What the machine's process said on its standard error; nil where that is not for this user.
    func processLog(of machine: MachineReference) -> FilePath?
    /// How far the platform keeps the machine's process from the rest of the host.
    func separation(of machine: MachineReference) -> SeparationPromise
}

extension ProcessProviding {
    package func separation(of machine: MachineReference) -> SeparationPromise { .unknown }
}

/// What a platform promises of a machine's process beyond the rights of its user.
package enum SeparationPromise: Sendable, Equatable {
    /// A user id from this range that no other machine has, and namespaces, a root and a limit of core dumps of its own.
    case promised(userIDs: ClosedRange<UInt32>)
    /// None of that with the rights of this user.
    case impossible(reason: String)
    /// The platform decides, and does not say.
    case unknown
}

/// A backend whose machines are commands of this host.
package protocol CommandProviding: Sendable {
    /// The command that a start would run.
    func command(of machine: MachineReference) async throws -> [String]
}

/// A backend whose data disk is a file of this host, and pgkvm's own to move.
package protocol DataDiskFileProviding: Sendable {
    func dataDiskFile(of machine: MachineReference) -> FilePath
}

/// A backend whose data disk is somebody else's to move, and may be a file of this host all the same.
package protocol DataDiskLocating: Sendable {
    /// The file, to look at and to measure beside; nil where it is none of this host.
    func dataDiskLocation(of machine: MachineReference) async throws -> FilePath?
}

/// The size of a data disk, and how much of it is reserved.
package struct DataDiskSpace: Sendable, Equatable {
    package let size: ByteSize
    package let reserved: ByteSize

    package init(size: ByteSize, reserved: ByteSize) {
        self.size = size
        self.reserved = reserved
    }
}

/// A backend whose data disk is no file of this host, and that knows how much of its space is reserved.
package protocol DataDiskSpaceTelling: Sendable {
    /// - Throws: what the platform says of a disk that is gone.
    func dataDiskSpace(of machine: MachineReference) async throws -> DataDiskSpace
}

/// A backend that offers the guest to discard blocks and knows what becomes of them.
package protocol DiscardTelling: Sendable {
    func discardUse(of machine: MachineReference) async throws -> DiscardUse
}

/// What becomes of the blocks that a guest discards from its data disk.
package enum DiscardUse: Sendable, Equatable {
    /// Nothing: their space stays the disk's.
    case ignored
    /// The storage gets them back, as it is meant to.
    case givenBack
}

/// A node of a machine's block layer: a file, a format above it, or a filter between them.
package struct DiskNode: Sendable, Equatable, Codable {
    package let name: String
    /// `file`, `raw`, `qcow2`, …
    package let driver: String
    /// Whether the host's page cache is bypassed.
    package let isDirect: Bool
    /// Whether flushes are dropped here: `cache.no-flush`, which `cache=unsafe` sets.
    package let dropsFlushes: Bool
    package let isWritable: Bool
    /// What the deployment decided of `isDirect`; nil for a node of which it decided nothing, such as the firmware's.
    package let decidedDirect: Bool?

    package init(name: String, driver: String, isDirect: Bool, dropsFlushes: Bool, isWritable: Bool, decidedDirect: Bool?) {
        self.name = name
        self.driver = driver
        self.isDirect = isDirect
        self.dropsFlushes = dropsFlushes
        self.isWritable = isWritable
        self.decidedDirect = decidedDirect
    }
}

/// What the platform counted of one disk since the machine was started.
package struct DiskCounters: Sendable, Equatable, Codable {
    package let reads: Int
    package let writes: Int
    package let flushes: Int

    package init(reads: Int, writes: Int, flushes: Int) {
        self.reads = reads
        self.writes = writes
        self.flushes = flushes
    }
}

/// A backend whose machines' disks can be watched from outside.
package protocol DiskWatching: Sendable {
    /// Every node of the machine's block layer; nil where not all of it can be seen from here.
    func diskNodes(of machine: MachineReference) async throws -> [DiskNode]?
    /// The counters of the disk with this virtio serial.
    func diskCounters(of machine: MachineReference, serial: String) async throws -> DiskCounters
}

/// A backend that can lend a machine a disk for a measurement, and watch it.
package protocol DiskLending: DiskWatching {
    /// Plugs in a disk of 1 GiB without any storage behind it; what a killed check left of that serial is taken away first.
    /// - Parameters:
    ///   - serial: 1 to 20 letters, digits, `-`, `_` or `.`.
    ///   - latency: added to each request, for the probes' own calibration; coarser than 1 ms.
    func attachNullDisk(to machine: MachineReference, serial: String, latency: Duration) async throws
    /// Takes it away again; none there is no error.
    func detachNullDisk(from machine: MachineReference, serial: String) async throws
}

extension Failure.Code {
    package static let machineStillRunning = Failure.Code("machine.still-running")
    package static let machineNotFound = Failure.Code("machine.not-found")
    package static let machineStranger = Failure.Code("machine.stranger")
    package static let machineFailed = Failure.Code("machine.failed")
    /// The platform could not be examined, or lacks something.
    package static let machineProbeFailed = Failure.Code("host.probe-failed")
    package static let guestCannotRun = Failure.Code("host.cannot-run-guest")
}

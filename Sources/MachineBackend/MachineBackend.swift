package import ApplianceModel
package import Basics
package import SystemPackage

/// The handle that identifies a machine.
package struct MachineReference: Sendable, Equatable, Codable {
    package let backend: BackendKind
    package let deployment: DeploymentID
    /// The backend's name for the machine; for QEMU it is the appliance's name.
    package let identifier: String

    package init(backend: BackendKind, deployment: DeploymentID, identifier: String) {
        self.backend = backend
        self.deployment = deployment
        self.identifier = identifier
    }
}

/// What a machine is doing, as its platform reports it.
package enum PowerState: Sendable, Equatable {
    /// The machine does not exist.
    case absent
    case off
    case running
    /// It exists but does not run: the reason, and what to do.
    case paused(reason: String, remedy: String)
    /// Its process is alive but does not answer.
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

    /// The port on which it listens in the guest.
    package var port: UInt16 { self == .ssh ? 22 : 5432 }
}

/// What `check-host` learns: the accelerator to use, whether the platform can run the guest, and what to tell the user.
package struct HostReport: Sendable, Equatable, Codable {
    package let accelerator: Accelerator
    package let findings: [Finding]
    /// Where to put a new machine; nil on a platform with only one place, and in reports of older versions.
    package let place: MachinePlace?

    package init(accelerator: Accelerator, findings: [Finding], place: MachinePlace? = nil) {
        self.accelerator = accelerator
        self.findings = findings
        self.place = place
    }
}

/// One virtualization platform.
///
/// Calls are repeatable: creating a machine that already carries our id returns its reference (another machine with that name is an
/// error); starting a running machine or deleting an absent one does nothing.
package protocol MachineBackend: MachinePlanning, MachineResizing, AutostartProviding {
    var kind: BackendKind { get }
    /// What this platform can do beyond what every platform can.
    var capabilities: Capabilities { get }

    /// What this platform does in one part of a deployment.
    func words(for work: MachineWork, _ spec: ApplianceSpec) -> WorkWords
    /// How a person reaches the console of a machine when pgkvm cannot show it.
    func consoleByHand(of name: ApplianceName) -> String

    /// Examines the host before anything is created.
    /// - Parameter place: the place that an earlier call decided on, for this call and the next two; nil chooses a place.
    /// - Throws: the reason why the deployment is impossible, with the remedy.
    func checkHost(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> HostReport
    /// Chooses cache mode, aio and threads by probing the file system that will hold the disks.
    func decideDisks(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> (DiskDecision, [Finding])
    /// Chooses the MAC address and the ports, or how to connect to the host's bridge or tap device. Refuses a port that is in use, and a device
    /// that is missing or that this user may not use.
    func decideNetwork(_ spec: ApplianceSpec, deployment: DeploymentID, at place: MachinePlace?) async throws -> NetworkDecision

    func create(_ spec: MachineSpec) async throws -> MachineReference
    /// Attaches the NoCloud medium for the next start. The backend takes ownership of the file.
    func attachSeed(_ medium: FilePath, to machine: MachineReference) async throws
    /// Detaches the seed, also from a running machine, and deletes its medium.
    func detachSeed(from machine: MachineReference) async throws
    func start(_ machine: MachineReference) async throws
    /// Asks the guest to shut down and waits until the machine is off.
    /// - Throws: `machine.still-running` after `grace`; the machine then continues to run.
    func shutDown(_ machine: MachineReference, grace: Duration) async throws
    /// Stops the machine at once: a power cut for the guest.
    func powerOff(_ machine: MachineReference) async throws
    func delete(_ machine: MachineReference) async throws
    func powerState(of machine: MachineReference) async throws -> PowerState
    /// The machine of a deployment, wherever it is now; nil if there is none.
    func find(_ deployment: DeploymentID, name: ApplianceName) async throws -> MachineReference?
    /// Where the host reaches a service of the guest; nil while it has no address.
    func endpoint(of machine: MachineReference, service: GuestService) async throws -> Endpoint?
}

/// The same calls when no place has been decided.
extension MachineBackend {
    package func checkHost(_ spec: ApplianceSpec) async throws -> HostReport { try await checkHost(spec, at: nil) }
    package func decideDisks(_ spec: ApplianceSpec) async throws -> (DiskDecision, [Finding]) { try await decideDisks(spec, at: nil) }
    package func decideNetwork(_ spec: ApplianceSpec, deployment: DeploymentID) async throws -> NetworkDecision {
        try await decideNetwork(spec, deployment: deployment, at: nil)
    }
}

/// A backend that keeps records of its machines on this host.
package protocol RecordKeeping: Sendable {
    /// Moves records that an older version kept elsewhere to a place where only pgkvm's user can write. The caller holds the appliance's lock.
    /// A running machine continues undisturbed.
    /// - Parameter network: the decision in the journal; nil while there is none.
    /// - Throws: `machine.failed` for a record that does not match the journal.
    func takeOverRecords(of name: ApplianceName, deployment: DeploymentID, network: NetworkDecision?) async throws
}

/// A backend that talks to its platform over a network.
package protocol RemotePlatform: Sendable {
    /// Whether the failure means that the platform did not answer this time, and may answer in a moment.
    func isSilence(_ failure: Failure) -> Bool
}

/// A backend that can be kept from contacting any other machine.
package protocol OfflineAnswering: Sendable {
    /// Whether a failure only means that the platform was not contacted.
    func isUnasked(_ failure: Failure) -> Bool
}

/// A backend that finds a machine on this host by its appliance's name alone, even where pgkvm has lost its record of it.
package protocol RemainsProviding: Sendable {
    /// The machine that the platform's own record names, whichever deployment it belongs to; nil where there is no readable record.
    func recordedMachine(of name: ApplianceName) -> MachineReference?
    /// Whether something runs under the name, according to the service that started it and to the processes themselves.
    func runs(_ name: ApplianceName) async throws -> Bool
    /// Stops what runs under the name. It is not an error when nothing runs.
    /// - Parameter grace: how long a guest may take to shut down; nil cuts its power.
    /// - Throws: `machine.still-running`.
    func end(_ name: ApplianceName, grace: Duration?) async throws
    /// Cuts the power of what runs under the name, and removes everything that this host has of the machine outside its directory.
    /// - Throws: `machine.still-running`.
    func remove(_ name: ApplianceName) async throws
}

/// A backend that logs its machines' serial console.
package protocol SerialLogProviding: Sendable {
    /// The file on this host that receives everything the guest prints; nil where the log is elsewhere.
    func serialLog(of machine: MachineReference) -> FilePath?
}

/// A backend whose machines have a serial console on this host.
package protocol SerialConsoleProviding: SerialLogProviding {
    /// The stream socket of the console.
    func serialSocket(of machine: MachineReference) -> FilePath
}

/// A backend whose machines are processes on this host, where the spec places them here.
package protocol ProcessProviding: Sendable {
    /// The process of a running machine; nil when the machine does not run, and where this host does not show the process.
    func processID(of machine: MachineReference) async throws -> Int32?
    /// The name under which `ps` and `top` show the process, 15 bytes at most; nil where the platform does not guarantee one.
    func processName(of machine: MachineReference) -> String?
    /// What the machine's process wrote to its standard error; nil where this user may not read it.
    func processLog(of machine: MachineReference) -> FilePath?
    /// How far the platform isolates the machine's process from the rest of the host.
    func separation(of machine: MachineReference) -> SeparationPromise
}

extension ProcessProviding {
    package func separation(of machine: MachineReference) -> SeparationPromise { .unknown }
}

/// The isolation that a platform promises for a machine's process beyond the rights of its user.
package enum SeparationPromise: Sendable, Equatable {
    /// A user id from this range that no other machine has, and its own namespaces, root directory and core-dump limit.
    case promised(userIDs: ClosedRange<UInt32>)
    /// None of that is possible with the rights of this user.
    case impossible(reason: String)
    /// The platform decides, and does not report it.
    case unknown
}

/// A backend whose machines are commands on this host.
package protocol CommandProviding: Sendable {
    /// The command that a start would run.
    func command(of machine: MachineReference) async throws -> [String]
}

/// A backend whose data disk is a file on this host that pgkvm may move.
package protocol DataDiskFileProviding: Sendable {
    func dataDiskFile(of machine: MachineReference) -> FilePath
}

/// A backend whose data disk pgkvm may not move, although it may be a file on this host.
package protocol DataDiskLocating: Sendable {
    /// The file, for inspection and for measurements beside it; nil where it is not on this host.
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

/// A backend whose data disk is not a file on this host, and that knows how much of its space is reserved.
package protocol DataDiskSpaceTelling: Sendable {
    /// - Throws: the platform's error for a disk that is gone.
    func dataDiskSpace(of machine: MachineReference) async throws -> DataDiskSpace
}

/// A backend that lets the guest discard blocks and knows what happens to them.
package protocol DiscardTelling: Sendable {
    func discardUse(of machine: MachineReference) async throws -> DiscardUse
}

/// What happens to the blocks that a guest discards on its data disk.
package enum DiscardUse: Sendable, Equatable {
    /// Nothing: the disk keeps their space.
    case ignored
    /// The storage gets them back, as intended.
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
    /// The deployment's decision on `isDirect`; nil for a node without a decision, such as the firmware's.
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

/// What the platform has counted for one disk since the machine was started.
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
    /// Every node of the machine's block layer; nil where some of it cannot be seen from here.
    func diskNodes(of machine: MachineReference) async throws -> [DiskNode]?
    /// The counters of the disk with this virtio serial.
    func diskCounters(of machine: MachineReference, serial: String) async throws -> DiskCounters
}

/// A backend that can temporarily attach a disk to a machine for a measurement, and watch it.
package protocol DiskLending: DiskWatching {
    /// Plugs in a disk of 1 GiB without any storage behind it. A disk with that serial that a killed check left behind is removed first.
    /// - Parameters:
    ///   - serial: 1 to 20 letters, digits, `-`, `_` or `.`.
    ///   - latency: added to each request, for the probes' own calibration; coarser than 1 ms.
    func attachNullDisk(to machine: MachineReference, serial: String, latency: Duration) async throws
    /// Detaches it again; it is not an error when there is none.
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

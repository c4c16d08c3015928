internal import ApplianceModel
internal import Basics
internal import MachineBackend

/// The configuration of a machine as the server shows it.
struct MachineConfig: Sendable {
    let data: JSONValue

    subscript(_ key: String) -> String? { data[key]?.text }

    var description: String { self["description"] ?? "" }
    var deployment: DeploymentID? { MachineNote.deployment(in: description) }
    /// The UUID of the machine's firmware: a clone gets another one, but keeps the description.
    private var uuid: String? { drive("smbios1")?["uuid"]?.lowercased() }
    /// The task that currently locks the machine, such as `create` or `backup`.
    var lock: String? { self["lock"] }

    /// Whether it is the machine of a deployment, rather than a copy of it.
    func isMachine(of deployment: DeploymentID) -> Bool { self.deployment == deployment && uuid == deployment.uuid.lowercased() }
    /// Whether nothing in it belongs to the deployment.
    func isForeign(to deployment: DeploymentID) -> Bool { self.deployment != deployment && uuid != deployment.uuid.lowercased() }

    /// Whether the server refuses to delete the machine and its drives.
    var isProtected: Bool { data["protection"]?.flag == true }
    /// Whether pgkvm may set and lift this protection.
    var isProtectionOurs: Bool { MachineNote.isProtected(in: description) }

    func drive(_ key: String) -> PropertyString? { self[key].map { PropertyString(reading: $0) } }

    /// The size of a drive; nil where the server does not show it.
    func size(of key: String) -> ByteSize? { drive(key)?["size"].flatMap { ByteSize($0) } }

    /// The key of the drive with this serial.
    func drive(serial: String) -> String? {
        (0...15).map { "virtio\($0)" }.first { drive($0)?["serial"] == serial }
    }

    /// One of the machine's own disks.
    struct Disk: Sendable, Equatable {
        /// `virtio1`
        let drive: String
        /// `zfs:vm-100-disk-1`
        let volume: String
        /// Whether replication jobs copy it, where there are any.
        let isReplicated: Bool

        var store: String { String(volume.prefix { $0 != ":" }) }
    }

    /// The disks, without media.
    var disks: [Disk] {
        drives.filter { !$0.isMedium }.map { Disk(drive: $0.key, volume: $0.volume, isReplicated: drive($0.key)?["replicate"] != "0") }
    }

    /// The drives with a medium in them.
    var media: [(drive: String, volume: String)] { drives.filter { $0.isMedium && $0.volume != "none" }.map { ($0.key, $0.volume) } }

    private var drives: [(key: String, volume: String, isMedium: Bool)] {
        guard case .object(let members) = data else { return [] }
        return members.keys.sorted().filter { $0.wholeMatch(of: /(?:virtio|scsi|sata|ide|efidisk|tpmstate)[0-9]+/) != nil }.compactMap { key in
            guard let drive = drive(key), let volume = drive.first ?? drive["file"] else { return nil }
            return (key, volume, drive["media"] == "cdrom")
        }
    }

    /// The drives and cards that the firmware tries, in order; empty where the server's default applies.
    var bootOrder: [String] { drive("boot")?["order"].map { $0.split { ";, ".contains($0) }.map(String.init) } ?? [] }

    /// The MAC address of the first card.
    var macAddress: String? { drive("net0").flatMap { $0["virtio"] ?? $0["macaddr"] } }
    var bridge: String? { drive("net0")?["bridge"] }
    var queues: Int { drive("net0")?["queues"].flatMap { Int($0) } ?? 1 }

    var processor: CPUDecision? {
        guard let memory else { return nil }
        let cores = data["cores"]?.count ?? 1
        let sockets = data["sockets"]?.count ?? 1
        let isEmulated = data["kvm"].map { !$0.flag } ?? false
        return CPUDecision(accelerator: isEmulated ? .tcg : .kvm, vcpus: Int(cores.multipliedSaturated(by: sockets)), memory: memory)
    }

    /// `2048`, or `current=2048`.
    private var memory: ByteSize? {
        guard let text = self["memory"] else { return nil }
        let value = PropertyString(reading: text)
        return (value.first ?? value["current"]).flatMap { Int64($0) }.map { .mebibytes($0) }
    }
}

/// A machine that exists and is ours.
struct FoundMachine: Sendable {
    let place: PVEPlace
    let config: MachineConfig

    var name: String { config["name"] ?? "an appliance" }
}

internal import ApplianceModel
internal import HostSystem
internal import SystemPackage

/// Every request that pgkvm sends to Proxmox VE.
extension PVECall {
    static let version = PVECall(.get, ["version"], command: "pveversion")
    static let nodes = PVECall(.get, ["nodes"])
    static let resources = PVECall(.get, ["cluster", "resources"])
    static let machines = PVECall(.get, ["cluster", "resources"], ["type": "vm"])
    static let nextID = PVECall(.get, ["cluster", "nextid"])

    /// Refused where the number is taken by a machine of any kind.
    static func isFree(_ vmid: Int) -> PVECall { PVECall(.get, ["cluster", "nextid"], ["vmid": "\(vmid)"]) }

    /// The pools that the token may see.
    static let pools = PVECall(.get, ["pools"])

    static func permissions(on path: String) -> PVECall { PVECall(.get, ["access", "permissions"], ["path": path]) }

    static func storages(node: String) -> PVECall {
        PVECall(.get, ["nodes", node, "storage"], ["enabled": "1"], command: "pvesm status --enabled 1")
    }

    static func bridges(node: String) -> PVECall { PVECall(.get, ["nodes", node, "network"], ["type": "any_bridge"]) }

    static func content(node: String, storage: String, type: String) -> PVECall {
        PVECall(
            .get, ["nodes", node, "storage", storage, "content"], ["content": type], permission: PVEPermission("/storage/\(storage)", "Datastore.Audit"),
            command: "pvesm list \(storage) --content \(type)")
    }

    static func uploadImage(_ file: FilePath, as name: String, checksum: String, node: String, storage: String) -> PVECall {
        PVECall(
            .post, ["nodes", node, "storage", storage, "upload"], ["content": "import", "checksum-algorithm": "sha256", "checksum": checksum],
            upload: Upload(file: file, name: name), permission: PVEPermission("/storage/\(storage)", "Datastore.AllocateTemplate"),
            command: copy(file, to: "\(storage):import/\(name)"))
    }

    static func uploadMedium(_ file: FilePath, as name: String, node: String, storage: String) -> PVECall {
        PVECall(
            .post, ["nodes", node, "storage", storage, "upload"], ["content": "iso"], upload: Upload(file: file, name: name),
            permission: PVEPermission("/storage/\(storage)", "Datastore.AllocateTemplate"),
            command: copy(file, to: "\(storage):iso/\(name)"))
    }

    /// The directory may be missing: the server removes it with the last file in it.
    private static func copy(_ file: FilePath, to volume: String) -> String {
        "f=$(pvesm path \(CommandText.render([volume]))) && mkdir -p \"${f%/*}\" && cp \(CommandText.render([file.string])) \"$f\""
    }

    static func deleteVolume(_ volume: String, node: String) -> PVECall {
        let storage = volume.prefix { $0 != ":" }
        return PVECall(
            .delete, ["nodes", node, "storage", String(storage), "content", volume], permission: PVEPermission("/storage/\(storage)", "Datastore.Allocate"),
            command: CommandText.render(["pvesm", "free", volume]))
    }

    /// - Parameter parameters: the parameters of the new machine, `vmid` first.
    static func create(node: String, _ parameters: [Parameter]) -> PVECall {
        var call = PVECall(.post, ["nodes", node, "qemu"], permission: PVEPermission("/vms", "VM.Allocate"))
        call.parameters = parameters
        let vmid = parameters.first { $0.name == "vmid" }?.value ?? ""
        let options = parameters.filter { $0.name != "vmid" }.flatMap { ["--\($0.name)", $0.value] }
        call.command = CommandText.render(["qm", "create", vmid] + options)
        return call
    }

    /// Shows pending changes as if they were in force.
    static func config(_ place: PVEPlace) -> PVECall {
        PVECall(.get, place.segments("config"), permission: place.permission("VM.Audit"), command: "qm config \(place.vmid)")
    }

    /// Without pending changes: what a running machine really has.
    static func currentConfig(_ place: PVEPlace) -> PVECall {
        PVECall(
            .get, place.segments("config"), ["current": "1"], permission: place.permission("VM.Audit"), command: "qm config \(place.vmid) --current 1")
    }

    /// Changes the configuration at once, as far as a running machine accepts the change.
    static func configure(_ place: PVEPlace, _ parameters: KeyValuePairs<String, String>, privilege: String) -> PVECall {
        let options = parameters.flatMap { ["--\($0.key)", $0.value] }
        return PVECall(
            .put, place.segments("config"), parameters, permission: place.permission(privilege),
            command: CommandText.render(["qm", "set", "\(place.vmid)"] + options))
    }

    /// - Parameter size: the size of the whole disk, in mebibytes.
    static func resize(_ place: PVEPlace, disk: String, mebibytes: Int64) -> PVECall {
        PVECall(
            .put, place.segments("resize"), ["disk": disk, "size": "\(mebibytes)M"], permission: place.permission("VM.Config.Disk"),
            command: "qm resize \(place.vmid) \(disk) \(mebibytes)M")
    }

    static func status(_ place: PVEPlace) -> PVECall {
        PVECall(.get, place.segments("status", "current"), permission: place.permission("VM.Audit"), command: "qm status \(place.vmid) --verbose")
    }

    static func start(_ place: PVEPlace) -> PVECall {
        PVECall(.post, place.segments("status", "start"), permission: place.permission("VM.PowerMgmt"), command: "qm start \(place.vmid)")
    }

    static func shutDown(_ place: PVEPlace, seconds: String) -> PVECall {
        PVECall(
            .post, place.segments("status", "shutdown"), ["timeout": seconds], permission: place.permission("VM.PowerMgmt"),
            command: "qm shutdown \(place.vmid) --timeout \(seconds)")
    }

    static func stop(_ place: PVEPlace) -> PVECall {
        PVECall(.post, place.segments("status", "stop"), permission: place.permission("VM.PowerMgmt"), command: "qm stop \(place.vmid)")
    }

    static func interfaces(_ place: PVEPlace, release: PVERelease?) -> PVECall {
        PVECall(
            .get, place.segments("agent", "network-get-interfaces"), permission: place.permission(PVEPermission.agentPrivilege(release)),
            command: "qm guest cmd \(place.vmid) network-get-interfaces")
    }

    /// Also removes the machine from backup jobs, replication and the HA manager. Volumes that its configuration does not name stay: on a shared
    /// store they may belong to a former machine with that number, even from another cluster.
    static func delete(_ place: PVEPlace) -> PVECall {
        PVECall(
            .delete, place.segments(), ["purge": "1"], permission: place.permission("VM.Allocate"),
            command: "qm destroy \(place.vmid) --purge 1")
    }

    /// The active tasks of a node.
    static func activeTasks(node: String, type: String) -> PVECall {
        PVECall(.get, ["nodes", node, "tasks"], ["source": "active", "typefilter": type], command: "pvenode task list --source active --typefilter \(type)")
    }

    static func taskStatus(_ task: UPID) -> PVECall {
        PVECall(.get, ["nodes", task.node, "tasks", task.text, "status"], command: "pvenode task status '\(task.text)'")
    }

    /// - Parameter start: the number of lines to skip.
    static func taskLog(_ task: UPID, from start: Int) -> PVECall {
        PVECall(
            .get, ["nodes", task.node, "tasks", task.text, "log"], ["start": "\(start)", "limit": "0"],
            command: "pvenode task log '\(task.text)' --start \(start)")
    }

    static func stopTask(_ task: UPID) -> PVECall { PVECall(.delete, ["nodes", task.node, "tasks", task.text]) }

    static func addToHA(_ place: PVEPlace, isRunning: Bool, comment: String) -> PVECall {
        let state = isRunning ? "started" : "stopped"
        return PVECall(
            .post, ["cluster", "ha", "resources"], ["sid": "vm:\(place.vmid)", "state": state, "comment": comment],
            permission: PVEPermission("/", "Sys.Console"),
            command: CommandText.render(["ha-manager", "add", "vm:\(place.vmid)", "--state", state, "--comment", comment]))
    }

    static func resourceOfHA(_ place: PVEPlace) -> PVECall {
        PVECall(.get, ["cluster", "ha", "resources", "vm:\(place.vmid)"], permission: PVEPermission("/", "Sys.Audit"), command: "ha-manager config")
    }

    static func removeFromHA(_ place: PVEPlace) -> PVECall {
        PVECall(
            .delete, ["cluster", "ha", "resources", "vm:\(place.vmid)"], permission: PVEPermission("/", "Sys.Console"),
            command: "ha-manager remove vm:\(place.vmid)")
    }

    /// The jobs that copy the machine's disks to other nodes.
    static func replication(_ place: PVEPlace) -> PVECall {
        PVECall(
            .get, ["nodes", place.node, "replication"], ["guest": "\(place.vmid)"], permission: place.permission("VM.Audit"),
            command: "pvesr status --guest \(place.vmid)")
    }
}

/// The location of a machine: its number and the node that it is currently on.
struct PVEPlace: Sendable, Equatable {
    let node: String
    let vmid: Int

    func segments(_ rest: String...) -> [String] { ["nodes", node, "qemu", "\(vmid)"] + rest }
    func permission(_ privilege: String) -> PVEPermission { PVEPermission("/vms/\(vmid)", privilege) }
}

/// The version that a server reports: `8.4`, `9.2`.
struct PVERelease: Sendable, Comparable, CustomStringConvertible {
    let major: Int
    let minor: Int

    init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads `9.2`, `9.2.0` or `8.4-1`; nil for anything else.
    init?(_ text: String) {
        guard let parts = text.prefixMatch(of: /([0-9]{1,4})\.([0-9]{1,4})/), let major = Int(parts.1), let minor = Int(parts.2) else { return nil }
        self.init(major: major, minor: minor)
    }

    /// The first version that accepts uploads of images for import.
    static let oldest = PVERelease(major: 8, minor: 3)

    static func < (left: PVERelease, right: PVERelease) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
    var description: String { "\(major).\(minor)" }
}

extension PVEPermission {
    /// The privilege for reading from the guest's agent; 9.0 split the older privilege.
    static func agentPrivilege(_ release: PVERelease?) -> String { (release?.major ?? 9) < 9 ? "VM.Monitor" : "VM.GuestAgent.Audit" }
}

internal import ApplianceModel
internal import Basics
internal import Terminal

/// The creation of machines.
extension PVEModel {
    mutating func create(_ request: PVERequest, _ fault: Fault.Action?, node: String) throws(PVERefusal) -> JSONValue {
        guard let vmid = request.value("vmid").flatMap({ Int($0) }) else { throw PVERefusal(status: 500, message: "no vmid") }
        let path = request.value("pool").map { "/pool/\($0)" } ?? "/vms/\(vmid)"
        guard allows(path, "VM.Allocate") else { throw PVERefusal(status: 403, message: "Permission check failed") }
        for privilege in ["VM.Config.Disk", "VM.Config.Network", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Options", "VM.Config.HWType"] {
            try demand(path, privilege)
        }
        if let pool = request.value("pool"), !pools.contains(pool) { throw PVERefusal(status: 500, message: "pool '\(pool)' does not exist") }
        if let machine = machines[vmid] {
            throw PVERefusal(status: 500, message: "unable to create VM \(vmid) - VM \(vmid) already exists on node '\(machine.node)'")
        }
        var wanted = Dictionary(request.parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        wanted["vmid"] = nil
        for (key, value) in wanted where key.hasPrefix("virtio") || key.hasPrefix("efidisk") {
            let parts = Self.parts(value)
            let volume = parts.first?.value ?? ""
            let store = String(volume.prefix { $0 != ":" })
            guard let known = stores[store] else { throw PVERefusal(status: 500, message: "storage '\(store)' does not exist") }
            try demand("/storage/\(store)", "Datastore.AllocateSpace")
            guard known.content.contains("images") else { throw PVERefusal(status: 500, message: "storage '\(store)' does not support content-type 'images'") }
            if parts.contains(where: { $0.key == "import-from" }), !volume.hasSuffix(":0") {
                throw PVERefusal(
                    status: 400, message: "Parameter verification failed.",
                    errors: [key: "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>"])
            }
        }
        for key in ["args", "hugepages", "hookscript"] where wanted[key] != nil {
            throw PVERefusal(status: 500, message: "only root can set '\(key)' config")
        }
        if wanted["rng0"] != nil, release.hasPrefix("8."), release < "8.4" { throw PVERefusal(status: 500, message: "only root can set 'rng0' config") }
        if wanted["startup"] != nil { try demand("/", "Sys.Modify") }
        // Tags come back in their order.
        wanted["tags"] = wanted["tags"].map { $0.split { ";, ".contains($0) }.sorted().joined(separator: ";") }
        // Until the work ends there is a number and nothing else.
        machines[vmid] = Machine(node: node, config: ["lock": "create"])
        let source = Self.source(of: wanted)
        if let source, isBeingWritten(key(source, node: node)) { tornCreations.insert(vmid) }
        let firmware =
            wanted["efidisk0"] == nil
            ? []
            : [
                "Formatting '/var/lib/vz/images/\(vmid)/vm-\(vmid)-disk-0.raw', fmt=raw size=540672 preallocation=off",
                "transferred 528.0 KiB of 528.0 KiB (100.00%)", "efidisk0: successfully created disk 'local:\(vmid)/vm-\(vmid)-disk-0.raw,size=528K'",
            ]
        let answer = begin(
            "qmcreate", node: node, subject: "\(vmid)", .create(vmid, wanted),
            lines: firmware + [
                "create full clone of drive (\(source ?? ""))",
                "Formatting '/var/lib/vz/images/\(vmid)/vm-\(vmid)-disk-1.qcow2', fmt=qcow2 size=3221225472",
                "transferred 0.0 B of 3.0 GiB (0.00%)", "transferred 3.0 GiB of 3.0 GiB (100.00%)", "virtio0: successfully created disk",
            ], fault)
        // The disk of the firmware comes before the line that names the image.
        if let upid = answer.string {
            tasks[upid]?.shownLines = [0, firmware.count]
            if tasks[upid]?.looks != nil { tasks[upid]?.looks = 3 }
        }
        return answer
    }

    /// The volume that a new machine's system disk is a copy of.
    static func source(of wanted: [String: String]) -> String? { parts(wanted["virtio0"] ?? "").first { $0.key == "import-from" }?.value }

    mutating func build(_ vmid: Int, _ wanted: [String: String], node: String) -> String? {
        var config = wanted
        config["pool"] = nil
        var taken: [(store: String, size: Int64)] = []
        var number = 0
        for key in wanted.keys.sorted() where key.hasPrefix("virtio") || key.hasPrefix("efidisk") {
            var parts = Self.parts(wanted[key] ?? "")
            let volume = parts.removeFirst().value
            let store = String(volume.prefix { $0 != ":" })
            var size: Int64 = key.hasPrefix("efidisk") ? 540_672 : (Int64(volume.drop { $0 != ":" }.dropFirst()) ?? 0) << 30
            if let source = parts.first(where: { $0.key == "import-from" })?.value {
                guard let file = files[self.key(source, node: node)] else { return "volume '\(source)' does not exist" }
                size = Self.virtualSize(of: file)
            }
            let used = taken.filter { $0.store == store }.reduce(stores[store]?.used.bytes ?? 0) { $0 + $1.size }
            guard used + size <= (stores[store].map { $0.total.bytes - $0.kept.bytes } ?? 0) else {
                return "unable to create VM \(vmid) - out of space: volume group has insufficient free space"
            }
            taken.append((store, size))
            parts.removeAll { ["import-from", "format"].contains($0.key) }
            let options = parts.map { "\($0.key ?? "")=\($0.value)" }.sorted() + ["size=\(Self.sizeText(size))"]
            config[key] = (["\(store):\(vmid)/vm-\(vmid)-disk-\(number).raw"] + options).joined(separator: ",")
            number += 1
        }
        for (name, size) in taken {
            guard let used = stores[name]?.used.bytes else { continue }
            stores[name]?.used = ByteSize(bytes: used + size)
        }
        if let description = config["description"] { config["description"] = description + "\n" }
        config["digest"] = "3f626974cf470179c8e0614aa9c7d77d6cf67c5b"
        config["vmgenid"] = "9dedb9e6-ea8a-4cdd-afdf-7c410a0690d9"
        machines[vmid]?.config = config
        machines[vmid]?.isTorn = tornCreations.remove(vmid) != nil
        machines[vmid]?.listsWithoutName = listsWithoutName
        return nil
    }
}

internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Terminal

/// Stores and what was uploaded to them.
extension PVEModel {
    func key(_ volume: String, node: String) -> String {
        stores[String(volume.prefix { $0 != ":" })]?.isShared == true ? volume : "\(node)/\(volume)"
    }

    /// The server copies onto the final name, in place: whoever reads the file meanwhile gets something else.
    private mutating func overwrite(_ volume: String, with upload: PVEUpload) {
        if let old = files[volume], old.path != upload.file { try? Files.remove(old.path) }
        var file = File(path: upload.file, size: upload.size)
        file.written = 0
        files[volume] = file
        for work in tasks.values where work.exit == nil {
            guard case .create(let vmid, let wanted) = work.effect, let source = Self.source(of: wanted), key(source, node: work.node) == volume else {
                continue
            }
            tornCreations.insert(vmid)
        }
    }

    /// The disks of machines on a store. Only stores of files tell how much of one is taken.
    private func images(_ name: String, _ store: Store) -> JSONValue {
        .array(
            machines.flatMap { vmid, machine -> [JSONValue] in
                guard allows("/vms/\(vmid)", "VM.Config.Disk") || allows("/storage/\(name)", "Datastore.Allocate") else { return [] }
                return machine.config.filter { Self.isDrive($0.key) && !$0.value.contains("media=cdrom") && $0.value.hasPrefix("\(name):") }.map { key, value in
                    let size = Self.size(of: value) ?? 0
                    var row: [String: JSONValue] = [
                        "volid": .string(String(value.prefix { $0 != "," })), "content": "images", "format": "raw", "vmid": .integer(Int64(vmid)),
                        "size": .integer(size),
                    ]
                    if ["dir", "nfs", "cifs", "btrfs"].contains(store.kind) { row["used"] = .integer(machine.written[key] ?? 0) }
                    return row.json
                }
            })
    }

    func isBeingWritten(_ volume: String) -> Bool {
        tasks.values.contains { work in
            guard work.exit == nil, case .keep(_, let target, _, _) = work.effect else { return false }
            return target == volume
        }
    }

    mutating func store(_ request: PVERequest, _ upload: PVEUpload?, _ fault: Fault.Action?, node: String) throws(PVERefusal) -> JSONValue {
        let parts = request.segments
        let name = parts[3]
        guard let store = stores[name] else { throw PVERefusal(status: 500, message: "storage '\(name)' does not exist") }
        guard store.isActive else { throw PVERefusal(status: 500, message: "storage '\(name)' is not online") }
        switch (request.method, parts[4]) {
        case ("GET", "content"):
            guard allows("/storage/\(name)", "Datastore.Audit") || allows("/storage/\(name)", "Datastore.AllocateSpace") else {
                throw PVERefusal(status: 403, message: "Permission check failed (/storage/\(name), Datastore.Audit|Datastore.AllocateSpace)")
            }
            let type = request.value("content") ?? ""
            if type == "images" { return images(name, store) }
            let prefix = key("\(name):\(type)/", node: node)
            return .array(
                files.filter { $0.key.hasPrefix(prefix) }.map { file in
                    let volume = store.isShared ? file.key : String(file.key.dropFirst(node.count + 1))
                    // A file that is still being written grows from one look to the next.
                    files[file.key]?.written = min(file.value.size, file.value.written + file.value.size / 2 + 1)
                    return ["volid": .string(volume), "content": .string(type), "size": .integer(file.value.written)].json
                })
        case ("POST", "upload"):
            try demand("/storage/\(name)", "Datastore.AllocateTemplate", empty: true)
            guard let upload, let content = request.value("content") else { throw PVERefusal(status: 500, message: "no upload") }
            guard store.content.contains(content) else { throw PVERefusal(status: 500, message: "storage '\(name)' does not support '\(content)' content") }
            let allowed = content == "iso" ? [".iso", ".img"] : [".qcow2", ".raw", ".vmdk", ".ova"]
            guard allowed.contains(where: { upload.fileName.hasSuffix($0) }) else {
                throw PVERefusal(status: 400, message: "Parameter verification failed.", errors: ["filename": "invalid filename or wrong extension"])
            }
            let volume = key("\(name):\(content)/\(upload.fileName)", node: node)
            let failure = request.value("checksum").flatMap { $0 == upload.checksum ? nil : "checksum mismatch: got '\(upload.checksum)' != expect '\($0)'" }
            if failure == nil { overwrite(volume, with: upload) }
            let answer = begin(
                "imgcopy", node: node, subject: "", .keep(upload.file, volume: volume, upload.size, checksum: request.value("checksum")),
                lines: [
                    "starting file import from: /var/tmp/pveupload-0", "calculating checksum...OK, checksum verified", "target node: \(node)",
                    "target file: /var/lib/vz/\(content == "iso" ? "template/iso" : content)/\(upload.fileName)", "file size is: \(upload.size)",
                ], fault, failure: failure)
            // The checksum takes its time.
            if let upid = answer.string { tasks[upid]?.shownLines = [0, 1] }
            return answer
        case ("DELETE", "content"):
            let volume = parts[5]
            try demand("/storage/\(name)", "Datastore.Allocate")
            return begin("imgdel", node: node, subject: "", .remove(key(volume, node: node)), lines: ["Removed volume '\(volume)'"], fault)
        default: throw PVERefusal(status: 501, message: "Method '\(request.method) \(request.path)' not implemented")
        }
    }
}

internal import ApplianceModel
internal import Foundation
internal import HostSystem
internal import SystemPackage

/// What the server does with a request.
extension PVEModel {
    mutating func route(
        _ request: PVERequest, _ upload: PVEUpload?, _ schema: PVESchema, _ fault: Fault.Action?, _ hooks: PVEServer.Hooks
    ) throws(PVERefusal) -> JSONValue {
        if request.segments.starts(with: ["cluster", "ha"]) { return try highAvailability(request) }
        guard let faults = schema.faults(method: request.method, segments: request.segments, parameters: request.parameters) else {
            throw PVERefusal(status: 501, message: "Method '\(request.method) \(request.path)' not implemented")
        }
        guard faults.isEmpty else { throw PVERefusal(status: 400, message: "Parameter verification failed.", errors: faults) }
        let parts = request.segments
        switch (request.method, parts.first, parts.count) {
        case ("GET", "version", _): return ["release": .string(release), "version": .string("\(release).0"), "repoid": "14a22df35955d97d"].json
        case ("GET", "nodes", 1): return nodeList
        case ("GET", "cluster", _): return parts[1] == "nextid" ? try nextID(request) : resources(request.value("type"))
        case ("GET", "access", _): return permissions(request.value("path") ?? "/")
        default: return try node(request, upload, fault, hooks)
        }
    }

    private var nodeList: JSONValue {
        .array(
            nodes.keys.sorted().map { name in
                ["node": .string(name), "type": "node", "id": .string("node/\(name)"), "status": .string(nodes[name]?.isOnline == true ? "online" : "offline")]
                    .json
            })
    }

    private func resources(_ type: String?) -> JSONValue {
        var rows: [JSONValue] = []
        if type != "vm" {
            for (name, node) in nodes where allows("/nodes/\(name)", "Sys.Audit") {
                var row: [String: JSONValue] = ["type": "node", "node": .string(name), "status": .string(node.isOnline ? "online" : "offline")]
                if node.isOnline {
                    row["maxcpu"] = .integer(Int64(node.processors))
                    row["cpu"] = .number(node.load)
                    row["maxmem"] = .integer(node.memory.bytes)
                    row["mem"] = .integer(node.usedMemory.bytes)
                }
                rows.append(row.json)
            }
            for (node, name, store) in seenStores {
                rows.append(
                    [
                        "type": "storage", "storage": .string(name), "node": .string(node), "status": .string(store.isActive ? "available" : "unknown"),
                        "plugintype": .string(store.kind), "content": .string(store.content.shuffled().joined(separator: ",")), "shared": .bool(store.isShared),
                        "maxdisk": .integer(store.total.bytes), "disk": .integer(store.used.bytes),
                    ].json)
            }
        }
        for (vmid, machine) in machines where allows("/vms/\(vmid)", "VM.Audit") {
            var row: [String: JSONValue] = [
                "type": "qemu", "id": .string("qemu/\(vmid)"), "vmid": .integer(Int64(vmid)), "node": .string(machine.node),
                "status": .string(nodes[machine.node]?.isOnline == true ? (machine.state == nil ? "stopped" : "running") : "unknown"),
            ]
            if let name = machine.config["name"] { row["name"] = .string(name) }
            if let tags = machine.config["tags"] { row["tags"] = .string(tags) }
            rows.append(row.json)
        }
        return .array(rows.shuffled())
    }

    private var seenStores: [(node: String, name: String, store: Store)] {
        nodes.filter(\.value.isOnline).keys.flatMap { node in
            stores.filter { name, store in
                store.nodes?.contains(node) ?? true && (allows("/storage/\(name)", "Datastore.Audit") || allows("/storage/\(name)", "Datastore.AllocateSpace"))
            }.map { (node, $0.key, $0.value) }
        }
    }

    private mutating func nextID(_ request: PVERequest) throws(PVERefusal) -> JSONValue {
        if let wanted = request.value("vmid").flatMap({ Int($0) }) {
            guard machines[wanted] == nil else {
                throw PVERefusal(status: 400, message: "Parameter verification failed.", errors: ["vmid": "VM \(wanted) already exists"])
            }
            return .string("\(wanted)")
        }
        let free = (100...).first { machines[$0] == nil } ?? 100
        if races > 0 {
            races -= 1
            machines[free] = Machine(node: nodes.keys.sorted()[0], config: ["name": "somebody-elses"])
        }
        return .string("\(free)")
    }

    // MARK: Rights

    func allows(_ path: String, _ privilege: String) -> Bool {
        guard let privileges else { return true }
        var path = path
        while true {
            if privileges[path]?.contains(privilege) == true { return true }
            guard path != "/", let slash = path.lastIndex(of: "/") else { return false }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    private func demand(_ path: String, _ privilege: String, empty: Bool = false) throws(PVERefusal) {
        guard !allows(path, privilege) else { return }
        throw PVERefusal(status: 403, message: "Permission check failed (\(path), \(privilege))", hasEmptyBody: empty)
    }

    private func permissions(_ path: String) -> JSONValue {
        guard let privileges else {
            let all = [
                "VM.Allocate", "VM.Audit", "VM.PowerMgmt", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Disk", "VM.Config.Network", "VM.Config.Options",
                "VM.Config.HWType", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Monitor", "VM.GuestAgent.Audit", "Datastore.Audit", "Datastore.Allocate",
                "Datastore.AllocateSpace", "Datastore.AllocateTemplate", "SDN.Use", "Sys.Audit", "Sys.Console",
            ]
            return [path: Dictionary(uniqueKeysWithValues: all.map { ($0, JSONValue.integer(1)) }).json].json
        }
        let own = Set(privileges.values.flatMap(\.self)).filter { allows(path, $0) }
        guard !own.isEmpty else { return JSONValue.object([:]) }
        return [path: Dictionary(uniqueKeysWithValues: own.map { ($0, JSONValue.integer(1)) }).json].json
    }

    // MARK: A node

    private mutating func node(
        _ request: PVERequest, _ upload: PVEUpload?, _ fault: Fault.Action?, _ hooks: PVEServer.Hooks
    ) throws(PVERefusal) -> JSONValue {
        let parts = request.segments
        let name = parts[1]
        guard let node = nodes[name] else {
            throw PVERefusal(status: 500, message: "hostname lookup '\(name)' failed - failed to get address info for: \(name): Name or service not known")
        }
        guard node.isOnline else {
            throw PVERefusal(status: 595, message: "Errors during connection establishment, proxy handshake: No route to host", hasEmptyBody: true)
        }
        switch (request.method, parts[2]) {
        case ("GET", "storage") where parts.count == 3:
            return .array(
                seenStores.filter { $0.node == name }.filter { store in request.value("content").map { store.store.content.contains($0) } ?? true }.map {
                    [
                        "storage": .string($0.name), "type": .string($0.store.kind), "content": .string($0.store.content.shuffled().joined(separator: ",")),
                        "shared": .bool($0.store.isShared), "active": .bool($0.store.isActive), "enabled": .integer(1), "total": .integer($0.store.total.bytes),
                        "used": .integer($0.store.used.bytes), "avail": .integer(max(0, $0.store.total.bytes - $0.store.used.bytes)),
                    ].json
                })
        case ("GET", "network"):
            return .array(
                allows("/sdn/zones/localnetwork", "SDN.Use") ? node.bridges.map { ["iface": .string($0), "type": "bridge", "active": .integer(1)].json } : [])
        case ("GET", "status"):
            try demand("/nodes/\(name)", "Sys.Audit")
            return ["cpuinfo": ["cpus": JSONValue.integer(Int64(node.processors))].json].json
        case (_, "storage"): return try store(request, upload, fault, node: name)
        case (_, "tasks"): return try task(request, hooks, node: name)
        case ("POST", "qemu") where parts.count == 3: return try create(request, fault, node: name)
        default: return try machine(request, fault, hooks, node: name)
        }
    }

    // MARK: Stores

    private func key(_ volume: String, node: String) -> String {
        stores[String(volume.prefix { $0 != ":" })]?.isShared == true ? volume : "\(node)/\(volume)"
    }

    private mutating func store(_ request: PVERequest, _ upload: PVEUpload?, _ fault: Fault.Action?, node: String) throws(PVERefusal) -> JSONValue {
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
            let prefix = key("\(name):\(type)/", node: node)
            return .array(
                files.filter { $0.key.hasPrefix(prefix) }.map { file in
                    let volume = store.isShared ? file.key : String(file.key.dropFirst(node.count + 1))
                    return ["volid": .string(volume), "content": .string(type), "size": .integer(file.value.size)].json
                })
        case ("POST", "upload"):
            try demand("/storage/\(name)", "Datastore.AllocateTemplate", empty: true)
            guard let upload, let content = request.value("content") else { throw PVERefusal(status: 500, message: "no upload") }
            guard store.content.contains(content) else { throw PVERefusal(status: 500, message: "storage '\(name)' does not support '\(content)' content") }
            let allowed = content == "iso" ? [".iso", ".img"] : [".qcow2", ".raw", ".vmdk", ".ova"]
            guard allowed.contains(where: { upload.fileName.hasSuffix($0) }) else {
                throw PVERefusal(status: 400, message: "Parameter verification failed.", errors: ["filename": "invalid filename or wrong extension"])
            }
            return begin(
                "imgcopy", node: node, subject: "",
                .keep(upload.file, volume: key("\(name):\(content)/\(upload.fileName)", node: node), upload.size, checksum: request.value("checksum")),
                lines: ["starting file import from: /var/tmp/pveupload-0", "target node: \(node)", "file size is: \(upload.size)"], fault,
                failure: request.value("checksum").flatMap { $0 == upload.checksum ? nil : "checksum mismatch: got '\(upload.checksum)' != expect '\($0)'" })
        case ("DELETE", "content"):
            let volume = parts[5]
            try demand("/storage/\(name)", "Datastore.Allocate")
            return begin("imgdel", node: node, subject: "", .remove(key(volume, node: node)), lines: ["Removed volume '\(volume)'"], fault)
        default: throw PVERefusal(status: 501, message: "Method '\(request.method) \(request.path)' not implemented")
        }
    }

    // MARK: Work in the background

    private mutating func begin(
        _ type: String, node: String, subject: String, _ effect: Work.Effect, lines: [String], _ fault: Fault.Action?, failure: String? = nil
    ) -> JSONValue {
        let number = String(nextTask, radix: 16, uppercase: true)
        nextTask += 1
        let padded = String(repeating: "0", count: 8 - number.count) + number
        let upid = "UPID:\(node):\(padded):0003706A:6B02CC49:\(type):\(subject):deploy@pve!ci:"
        var work = Work(upid: upid, type: type, node: node, subject: subject, effect: effect, lines: lines, looks: 1, failure: failure)
        if case .failTask(let text)? = fault { work.failure = text }
        if case .endlessTask? = fault { work.looks = nil }
        tasks[upid] = work
        taskOrder.append(upid)
        return .string(upid)
    }

    private mutating func task(_ request: PVERequest, _ hooks: PVEServer.Hooks, node: String) throws(PVERefusal) -> JSONValue {
        let parts = request.segments
        guard parts.count > 3 else {
            return .array(
                tasks.values.filter { $0.node == node && $0.exit == nil && (request.value("typefilter") ?? $0.type) == $0.type }.map {
                    [
                        "upid": .string($0.upid), "type": .string($0.type), "id": .string($0.subject), "user": "deploy@pve", "tokenid": "ci",
                        "node": .string(node),
                    ].json
                })
        }
        guard var work = tasks[parts[3]] else {
            let text = parts[3].hasPrefix("UPID:") ? "no such task" : "unable to parse worker upid"
            throw PVERefusal(status: 400, message: "Parameter verification failed.", errors: ["upid": text])
        }
        if request.method == "DELETE" {
            guard work.exit == nil else { return .null }
            discard(work.effect)
            work.exit = "received interrupt"
            tasks[work.upid] = work
            return .null
        }
        if parts.last == "log" {
            let start = request.value("start").flatMap { Int($0) } ?? 0
            return .array(work.lines.enumerated().dropFirst(start).map { ["n": .integer(Int64($0.offset + 1)), "t": .string($0.element)].json })
        }
        if work.exit == nil, let looks = work.looks {
            if looks > 0 {
                work.looks = looks - 1
                tasks[work.upid] = work
            } else {
                finish(work, hooks)
            }
        }
        var row: [String: JSONValue] = ["upid": .string(work.upid), "node": .string(node), "type": .string(work.type), "id": .string(work.subject)]
        if let exit = tasks[work.upid]?.exit {
            row["status"] = "stopped"
            row["exitstatus"] = .string(exit)
        } else {
            row["status"] = "running"
        }
        return row.json
    }

    private mutating func finish(_ work: Work, _ hooks: PVEServer.Hooks) {
        var work = work
        let failure = work.failure ?? apply(work.effect, node: work.node, hooks)
        if let failure {
            discard(work.effect)
            work.exit = failure
            work.lines.append("TASK ERROR: \(failure)")
        } else {
            work.exit = "OK"
            work.lines.append("TASK OK")
        }
        tasks[work.upid] = work
    }

    /// A creation that failed leaves nothing.
    private mutating func discard(_ effect: Work.Effect) {
        if case .create(let vmid, _) = effect { machines[vmid] = nil }
        if case .keep(let path, _, _, _) = effect { try? Files.remove(path) }
    }

    /// - Returns: why it failed.
    private mutating func apply(_ effect: Work.Effect, node: String, _ hooks: PVEServer.Hooks) -> String? {
        switch effect {
        case .none: return nil
        case .keep(let path, let volume, let size, _):
            if let old = files[volume] { try? Files.remove(old.path) }
            files[volume] = File(path: path, size: size)
            return nil
        case .remove(let volume):
            guard let file = files[volume] else { return "volume '\(volume)' does not exist" }
            try? Files.remove(file.path)
            files[volume] = nil
            return nil
        case .create(let vmid, let wanted): return build(vmid, wanted, node: node)
        case .start(let vmid): return start(vmid, hooks)
        case .stop(let vmid):
            turnOff(vmid, hooks)
            return nil
        case .shutDown(let vmid):
            guard machines[vmid]?.isDeaf != true else { return "VM quit/powerdown failed - got timeout" }
            turnOff(vmid, hooks)
            return nil
        case .destroy(let vmid):
            guard let machine = machines[vmid] else { return "no such VM" }
            for volume in machine.config.values.filter({ $0.contains("vm-\(vmid)-disk") }) { release(volume) }
            machines[vmid] = nil
            ha["vm:\(vmid)"] = nil
            return nil
        case .resize(let vmid, let drive, let size): return resize(vmid, drive, size)
        }
    }

    private mutating func release(_ volume: String) {
        let name = String(volume.prefix { $0 != ":" })
        guard let store = stores[name], let size = Self.size(of: volume) else { return }
        stores[name]?.used = ByteSize(bytes: store.used.bytes - size)
    }

    // MARK: Machines

    private mutating func create(_ request: PVERequest, _ fault: Fault.Action?, node: String) throws(PVERefusal) -> JSONValue {
        guard let vmid = request.value("vmid").flatMap({ Int($0) }) else { throw PVERefusal(status: 500, message: "no vmid") }
        let path = request.value("pool").map { "/pool/\($0)" } ?? "/vms/\(vmid)"
        guard allows(path, "VM.Allocate") else { throw PVERefusal(status: 403, message: "Permission check failed") }
        for privilege in ["VM.Config.Disk", "VM.Config.Network", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Options", "VM.Config.HWType"] {
            try demand(path, privilege)
        }
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
        if wanted["args"] != nil { throw PVERefusal(status: 500, message: "only root can set 'args' config") }
        // Until the work ends there is a number and nothing else.
        machines[vmid] = Machine(node: node, config: ["lock": "create"])
        return begin(
            "qmcreate", node: node, subject: "\(vmid)", .create(vmid, wanted),
            lines: ["create full clone of drive", "transferred 0.0 B of 3.0 GiB (0.00%)", "transferred 3.0 GiB of 3.0 GiB (100.00%)"], fault)
    }

    private mutating func build(_ vmid: Int, _ wanted: [String: String], node: String) -> String? {
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
            guard used + size <= stores[store]?.total.bytes ?? 0 else {
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
        return nil
    }

    private mutating func machine(
        _ request: PVERequest, _ fault: Fault.Action?, _ hooks: PVEServer.Hooks, node: String
    ) throws(PVERefusal) -> JSONValue {
        let parts = request.segments
        guard parts.count > 3, let vmid = Int(parts[3]), let machine = machines[vmid], machine.node == node else {
            throw PVERefusal(status: 500, message: "Configuration file 'nodes/\(node)/qemu-server/\(parts.count > 3 ? parts[3] : "").conf' does not exist")
        }
        switch (request.method, parts.dropFirst(4).joined(separator: "/")) {
        case ("GET", "config"):
            try demand("/vms/\(vmid)", "VM.Audit")
            return Self.shown(machine.config)
        case ("GET", "pending"): return .array(machine.config.map { ["key": .string($0.key), "value": .string($0.value)].json })
        case ("PUT", "config"): return try configure(request, vmid, machine, node: node)
        case ("PUT", "resize"): return try beginResize(request, fault, vmid, machine)
        case ("GET", "status/current"):
            settle(vmid, hooks)
            return current(vmid)
        case ("POST", "status/start"):
            try demandPower(vmid, machine)
            if ha["vm:\(vmid)"] != nil { return ask(vmid, "running", "hastart", node) }
            return begin("qmstart", node: node, subject: "\(vmid)", .start(vmid), lines: [], fault)
        case ("POST", "status/stop"):
            try demandPower(vmid, machine)
            if ha["vm:\(vmid)"] != nil { return ask(vmid, nil, "hastop", node) }
            return begin("qmstop", node: node, subject: "\(vmid)", .stop(vmid), lines: [], fault)
        case ("POST", "status/shutdown"):
            try demandPower(vmid, machine)
            if ha["vm:\(vmid)"] != nil { return ask(vmid, nil, "hastop", node) }
            return begin("qmshutdown", node: node, subject: "\(vmid)", .shutDown(vmid), lines: [], fault)
        case ("GET", "agent/network-get-interfaces"):
            guard machine.state != nil else { throw PVERefusal(status: 500, message: "VM \(vmid) is not running") }
            guard let address = machine.address else { throw PVERefusal(status: 500, message: "QEMU guest agent is not running") }
            return ["result": Self.cards(machine.config["net0"] ?? "", address)].json
        case ("DELETE", ""):
            try demand("/vms/\(vmid)", "VM.Allocate")
            guard machine.config["lock"] == nil else { throw PVERefusal(status: 500, message: "VM is locked (\(machine.config["lock"] ?? ""))") }
            guard machine.config["protection"] != "1" else { throw PVERefusal(status: 500, message: "can't remove VM \(vmid) - protection mode enabled") }
            guard ha["vm:\(vmid)"] == nil || request.value("purge") == "1" else {
                throw PVERefusal(status: 500, message: "unable to remove VM \(vmid) - used in HA resources and purge parameter not set.")
            }
            guard machine.state == nil else { throw PVERefusal(status: 500, message: "VM \(vmid) is running - destroy failed") }
            return begin("qmdestroy", node: node, subject: "\(vmid)", .destroy(vmid), lines: ["purging VM \(vmid) from related configurations.."], fault)
        default: throw PVERefusal(status: 501, message: "Method '\(request.method) \(request.path)' not implemented")
        }
    }

    private func demandPower(_ vmid: Int, _ machine: Machine) throws(PVERefusal) {
        try demand("/vms/\(vmid)", "VM.PowerMgmt")
        if let lock = machine.config["lock"] { throw PVERefusal(status: 500, message: "VM is locked (\(lock))") }
    }

    private static func shown(_ config: [String: String]) -> JSONValue {
        let numbers: Set<String> = ["cores", "sockets", "balloon", "onboot", "kvm"]
        return config.reduce(into: [String: JSONValue]()) { row, entry in
            row[entry.key] = numbers.contains(entry.key) ? Int64(entry.value).map { .integer($0) } ?? .string(entry.value) : .string(entry.value)
        }.json
    }

    private func current(_ vmid: Int) -> JSONValue {
        let machine = machines[vmid]
        return [
            "vmid": .integer(Int64(vmid)), "status": .string(machine?.state == nil ? "stopped" : "running"),
            "qmpstatus": .string(machine?.state ?? "stopped"), "ha": ["managed": JSONValue.integer(ha["vm:\(vmid)"] == nil ? 0 : 1)].json, "clipboard": .null,
        ].json
    }

    private mutating func configure(_ request: PVERequest, _ vmid: Int, _ machine: Machine, node: String) throws(PVERefusal) -> JSONValue {
        if let lock = machine.config["lock"] { throw PVERefusal(status: 500, message: "VM is locked (\(lock))") }
        for (name, value) in request.parameters {
            switch name {
            case "delete":
                for key in value.split(separator: ",").map(String.init) {
                    try demand("/vms/\(vmid)", key.hasPrefix("scsi") ? "VM.Config.CDROM" : "VM.Config.Options")
                    // A running guest that holds on to a drive keeps it until its stop.
                    if machine.state != nil, holdsDrives { continue }
                    machines[vmid]?.config[key] = nil
                }
            case _ where name.hasPrefix("scsi"):
                try demand("/vms/\(vmid)", "VM.Config.CDROM")
                let volume = String(value.prefix { $0 != "," })
                guard volume == "none" || files[key(volume, node: node)] != nil else {
                    throw PVERefusal(status: 500, message: "volume '\(volume)' does not exist")
                }
                machines[vmid]?.config[name] = volume == "none" ? value : "\(value),size=368K"
            default: machines[vmid]?.config[name] = value
            }
        }
        return .null
    }

    private mutating func beginResize(_ request: PVERequest, _ fault: Fault.Action?, _ vmid: Int, _ machine: Machine) throws(PVERefusal) -> JSONValue {
        try demand("/vms/\(vmid)", "VM.Config.Disk")
        guard let drive = request.value("disk"), machine.config[drive] != nil else {
            throw PVERefusal(status: 500, message: "disk '\(request.value("disk") ?? "")' does not exist")
        }
        guard let size = request.value("size").flatMap({ ByteSize($0) }) else { throw PVERefusal(status: 500, message: "bad size") }
        return begin("resize", node: machine.node, subject: "\(vmid)", .resize(vmid, drive, size.bytes), lines: ["Image resized."], fault)
    }

    private mutating func resize(_ vmid: Int, _ drive: String, _ size: Int64) -> String? {
        guard let value = machines[vmid]?.config[drive], let old = Self.size(of: value) else { return "no such disk" }
        guard size >= old else { return "shrinking disks is not supported" }
        let name = String(value.prefix { $0 != ":" })
        guard let store = stores[name], store.used.bytes + size - old <= store.total.bytes else { return "volume group has insufficient free space" }
        stores[name]?.used = ByteSize(bytes: store.used.bytes + size - old)
        machines[vmid]?.config[drive] = value.replacing("size=\(Self.sizeText(old))", with: "size=\(Self.sizeText(size))")
        return nil
    }

    private mutating func start(_ vmid: Int, _ hooks: PVEServer.Hooks) -> String? {
        guard let machine = machines[vmid], let node = nodes[machine.node] else { return "no such VM" }
        guard machine.state == nil else { return "VM \(vmid) already running" }
        let config = machine.config
        let cores = (config["cores"].flatMap { Int($0) } ?? 1) * (config["sockets"].flatMap { Int($0) } ?? 1)
        guard cores <= node.processors else { return "MAX \(node.processors) vcpus allowed per VM on this node" }
        guard config["kvm"] == "0" || node.hasKVM else {
            return "KVM virtualisation configured, but not available. Either disable in VM configuration or enable in BIOS."
        }
        if let bridge = Self.parts(config["net0"] ?? "").first(where: { $0.key == "bridge" })?.value, !node.bridges.contains(bridge) {
            return "bridge '\(bridge)' does not exist"
        }
        for (key, value) in config where key.hasPrefix("virtio") && value.contains("aio=native") {
            guard value.contains("cache=none") || value.contains("cache=directsync") else { return "start failed: QEMU exited with code 1" }
        }
        do {
            let paths = files.filter {
                !$0.key.contains("/") || $0.key.hasPrefix("\(machine.node)/") || stores[String($0.key.prefix { $0 != ":" })]?.isShared == true
            }
            try hooks.onStart?(vmid, config, paths.mapValues(\.path))
        } catch {
            return "start failed: \(error)"
        }
        machines[vmid]?.state = "running"
        return nil
    }

    private mutating func turnOff(_ vmid: Int, _ hooks: PVEServer.Hooks) {
        guard machines[vmid]?.state != nil else { return }
        try? hooks.onStop?(vmid)
        machines[vmid]?.state = nil
    }

    // MARK: High availability

    /// The server hands the wish on, and the manager gets to it later.
    private mutating func ask(_ vmid: Int, _ state: String?, _ type: String, _ node: String) -> JSONValue {
        machines[vmid]?.requested = (state, 2)
        ha["vm:\(vmid)"] = state == nil ? "stopped" : "started"
        return begin(type, node: node, subject: "\(vmid)", .none, lines: ["Requesting HA \(state == nil ? "stop" : "start") for VM \(vmid)"], nil)
    }

    private mutating func settle(_ vmid: Int, _ hooks: PVEServer.Hooks) {
        guard let (state, looks) = machines[vmid]?.requested else { return }
        guard looks == 0 else {
            machines[vmid]?.requested = (state, looks - 1)
            return
        }
        machines[vmid]?.requested = nil
        if state == nil { turnOff(vmid, hooks) } else { _ = start(vmid, hooks) }
    }

    private mutating func highAvailability(_ request: PVERequest) throws(PVERefusal) -> JSONValue {
        guard request.method == "POST", request.segments == ["cluster", "ha", "resources"] else {
            throw PVERefusal(status: 501, message: "Method '\(request.method) \(request.path)' not implemented")
        }
        try demand("/", "Sys.Console")
        guard let sid = request.value("sid"), let vmid = Int(sid.dropFirst(3)), machines[vmid] != nil else {
            throw PVERefusal(status: 500, message: "no such resource")
        }
        guard ha[sid] == nil else { throw PVERefusal(status: 500, message: "resource ID '\(sid)' already defined") }
        ha[sid] = request.value("state") ?? "started"
        return .null
    }

    // MARK: Values

    static func parts(_ value: String) -> [(key: String?, value: String)] {
        value.split(separator: ",").map { part in
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            return pair.count == 2 ? (pair[0], pair[1]) : (nil, pair[0])
        }
    }

    private static func size(of value: String) -> Int64? {
        parts(value).first { $0.key == "size" }.flatMap { ByteSize($0.value)?.bytes }
    }

    private static func sizeText(_ bytes: Int64) -> String {
        for (shift, unit) in [(30, "G"), (20, "M"), (10, "K")] where bytes % (1 << shift) == 0 { return "\(bytes >> shift)\(unit)" }
        return "\(bytes)"
    }

    /// Of a qcow2 file what its head says, else what it is.
    private static func virtualSize(of file: File) -> Int64 {
        guard let head = try? Files.read(file.path, from: 0, limit: 32), head.count == 32, head[..<4] == [0x51, 0x46, 0x49, 0xfb] else { return file.size }
        return head[24..<32].reduce(0) { $0 << 8 | Int64($1) }
    }

    private static func cards(_ net: String, _ address: String) -> JSONValue {
        let macAddress = parts(net).first { $0.key == "virtio" }?.value.lowercased() ?? ""
        return [
            [
                "name": "lo", "hardware-address": "00:00:00:00:00:00",
                "ip-addresses": JSONValue.array([["ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": JSONValue.integer(8)].json]),
            ].json,
            [
                "name": "eth0", "hardware-address": .string(macAddress),
                "ip-addresses": JSONValue.array([
                    ["ip-address": "fe80::1", "ip-address-type": "ipv6", "prefix": JSONValue.integer(64)].json,
                    ["ip-address": "169.254.3.4", "ip-address-type": "ipv4", "prefix": JSONValue.integer(16)].json,
                    ["ip-address": .string(address), "ip-address-type": "ipv4", "prefix": JSONValue.integer(24)].json,
                ]),
            ].json,
        ].json
    }
}

extension JSONValue: ExpressibleByStringLiteral {
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
}

extension [String: JSONValue] {
    fileprivate var json: JSONValue { .object(self) }
}

extension [JSONValue] {
    fileprivate var json: JSONValue { .array(self) }
}

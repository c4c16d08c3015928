internal import ApplianceModel
internal import Basics
internal import Foundation
internal import HostSystem
internal import SystemPackage

/// What the server does with a request.
extension PVEModel {
    mutating func route(
        _ request: PVERequest, _ upload: PVEUpload?, _ schema: PVESchema, _ fault: Fault.Action?, _ hooks: PVEServer.Hooks
    ) throws(PVERefusal) -> JSONValue {
        if request.segments.starts(with: ["cluster", "ha"]) { return try highAvailability(request) }
        if request.segments.first == "nodes", request.segments.count == 3, request.segments[2] == "replication" {
            return try replicationStatus(request)
        }
        guard let faults = schema.faults(method: request.method, segments: request.segments, parameters: request.parameters) else {
            throw PVERefusal(status: 501, message: "Method '\(request.method) \(request.path)' not implemented")
        }
        guard faults.isEmpty else { throw PVERefusal(status: 400, message: "Parameter verification failed.", errors: faults) }
        let parts = request.segments
        switch (request.method, parts.first, parts.count) {
        case ("GET", "version", _): return ["release": .string(release), "version": .string("\(release).0"), "repoid": "14a22df35955d97d"].json
        case ("GET", "nodes", 1): return nodeList
        case ("GET", "cluster", _): return parts[1] == "nextid" ? try nextID(request) : resources(request.value("type"))
        case ("GET", "pools", _): return .array(pools.sorted().filter { allows("/pool/\($0)", "Pool.Audit") }.map { ["poolid": .string($0)].json })
        case ("GET", "access", _): return permissions(request.value("path") ?? "/")
        default: return try node(request, upload, fault, hooks)
        }
    }

    var nodeList: JSONValue {
        .array(
            nodes.keys.sorted().map { name in
                ["node": .string(name), "type": "node", "id": .string("node/\(name)"), "status": .string(nodes[name]?.isOnline == true ? "online" : "offline")]
                    .json
            })
    }

    mutating func resources(_ type: String?) -> JSONValue {
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
            machines[vmid]?.listsWithoutName = max(0, machine.listsWithoutName - 1)
            if machine.listsWithoutName == 0, let name = machine.config["name"] { row["name"] = .string(name) }
            if let tags = machine.config["tags"] { row["tags"] = .string(tags) }
            rows.append(row.json)
        }
        return .array(rows.shuffled())
    }

    var seenStores: [(node: String, name: String, store: Store)] {
        nodes.filter(\.value.isOnline).keys.flatMap { node in
            stores.filter { name, store in
                store.nodes?.contains(node) ?? true && (allows("/storage/\(name)", "Datastore.Audit") || allows("/storage/\(name)", "Datastore.AllocateSpace"))
            }.map { (node, $0.key, $0.value) }
        }
    }

    mutating func nextID(_ request: PVERequest) throws(PVERefusal) -> JSONValue {
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

    func present(_ name: String) throws(PVERefusal) -> Node {
        guard let node = nodes[name] else {
            throw PVERefusal(status: 500, message: "hostname lookup '\(name)' failed - failed to get address info for: \(name): Name or service not known")
        }
        guard node.isOnline else {
            throw PVERefusal(status: 595, message: "Errors during connection establishment, proxy handshake: No route to host", hasEmptyBody: true)
        }
        return node
    }

    mutating func node(
        _ request: PVERequest, _ upload: PVEUpload?, _ fault: Fault.Action?, _ hooks: PVEServer.Hooks
    ) throws(PVERefusal) -> JSONValue {
        let parts = request.segments
        let name = parts[1]
        let node = try present(name)
        switch (request.method, parts[2]) {
        case ("GET", "storage") where parts.count == 3:
            return .array(
                seenStores.filter { $0.node == name }.filter { store in request.value("content").map { store.store.content.contains($0) } ?? true }.map {
                    [
                        "storage": .string($0.name), "type": .string($0.store.kind), "content": .string($0.store.content.shuffled().joined(separator: ",")),
                        "shared": .bool($0.store.isShared), "active": .bool($0.store.isActive), "enabled": .integer(1), "total": .integer($0.store.total.bytes),
                        "used": .integer($0.store.used.bytes), "avail": .integer($0.store.available.bytes),
                    ].json
                })
        case ("GET", "network"):
            return .array(
                (node.bridges.map { ["iface": .string($0), "type": "bridge", "active": .integer(1)] }
                    + node.pendingBridges.map { ["iface": .string($0), "type": "bridge"] })
                    .filter { allows("/sdn/zones/localnetwork/\($0["iface"]?.string ?? "")", "SDN.Use") }.map(\.json))
        case (_, "storage"): return try store(request, upload, fault, node: name)
        case (_, "tasks"): return try task(request, hooks, node: name)
        case ("POST", "qemu") where parts.count == 3: return try create(request, fault, node: name)
        default: return try machine(request, fault, hooks, node: name)
        }
    }
}

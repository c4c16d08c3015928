internal import ApplianceModel
internal import Basics

/// Machines that are there.
extension PVEModel {
    mutating func machine(
        _ request: PVERequest, _ fault: Fault.Action?, _ hooks: PVEServer.Hooks, node: String
    ) throws(PVERefusal) -> JSONValue {
        let parts = request.segments
        guard parts.count > 3, let vmid = Int(parts[3]), let machine = machines[vmid], machine.node == node else {
            throw PVERefusal(status: 500, message: "Configuration file 'nodes/\(node)/qemu-server/\(parts.count > 3 ? parts[3] : "").conf' does not exist")
        }
        switch (request.method, parts.dropFirst(4).joined(separator: "/")) {
        case ("GET", "config"):
            try demand("/vms/\(vmid)", "VM.Audit")
            return Self.config(machine, isCurrent: ["1", "yes", "true", "on"].contains(request.value("current") ?? "0"))
        case ("GET", "pending"):
            try demand("/vms/\(vmid)", "VM.Audit")
            return Self.pendingList(machine)
        case ("PUT", "config"): return try configure(request, vmid, node: node)
        case ("PUT", "resize"): return try beginResize(request, fault, vmid, machine)
        case ("GET", "status/current"):
            try demand("/vms/\(vmid)", "VM.Audit")
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
            try demand("/vms/\(vmid)", release.hasPrefix("8") ? "VM.Monitor" : "VM.GuestAgent.Audit")
            guard machine.state != nil else { throw PVERefusal(status: 500, message: "VM \(vmid) is not running") }
            guard machine.config["agent"]?.contains("1") == true else { throw PVERefusal(status: 500, message: "No QEMU guest agent configured") }
            guard let address = machine.address else { throw PVERefusal(status: 500, message: "QEMU guest agent is not running") }
            return ["result": Self.cards(machine.config["net0"] ?? "", address)].json
        case ("DELETE", ""):
            try demand("/vms/\(vmid)", "VM.Allocate")
            try machine.refuseIfLocked()
            guard machine.config["protection"] != "1" else { throw PVERefusal(status: 500, message: "can't remove VM \(vmid) - protection mode enabled") }
            guard ha["vm:\(vmid)"] == nil || request.value("purge") == "1" else {
                throw PVERefusal(status: 500, message: "unable to remove VM \(vmid) - used in HA resources and purge parameter not set.")
            }
            guard machine.state == nil else { throw PVERefusal(status: 500, message: "VM \(vmid) is running - destroy failed") }
            return begin(
                "qmdestroy", node: node, subject: "\(vmid)", .destroy(vmid, isThorough: request.value("destroy-unreferenced-disks") == "1"),
                lines: ["purging VM \(vmid) from related configurations.."], fault)
        default: throw PVERefusal(status: 501, message: "Method '\(request.method) \(request.path)' not implemented")
        }
    }

    func demandPower(_ vmid: Int, _ machine: Machine) throws(PVERefusal) {
        try demand("/vms/\(vmid)", "VM.PowerMgmt")
        try machine.refuseIfLocked()
    }

    static func shown(_ config: [String: String]) -> JSONValue {
        let numbers: Set<String> = ["cores", "sockets", "balloon", "onboot", "kvm"]
        return config.reduce(into: [String: JSONValue]()) { row, entry in
            row[entry.key] = numbers.contains(entry.key) ? Int64(entry.value).map { .integer($0) } ?? .string(entry.value) : .string(entry.value)
        }.json
    }

    func current(_ vmid: Int) -> JSONValue {
        let machine = machines[vmid]
        return [
            "vmid": .integer(Int64(vmid)), "status": .string(machine?.state == nil ? "stopped" : "running"),
            "qmpstatus": .string(machine?.state ?? "stopped"), "ha": managed(vmid), "clipboard": .null,
        ].json
    }

    mutating func beginResize(_ request: PVERequest, _ fault: Fault.Action?, _ vmid: Int, _ machine: Machine) throws(PVERefusal) -> JSONValue {
        try demand("/vms/\(vmid)", "VM.Config.Disk")
        try machine.refuseIfLocked()
        guard let drive = request.value("disk"), machine.config[drive] != nil else {
            throw PVERefusal(status: 500, message: "disk '\(request.value("disk") ?? "")' does not exist")
        }
        guard let size = request.value("size").flatMap({ ByteSize($0) }) else { throw PVERefusal(status: 500, message: "bad size") }
        return begin("resize", node: machine.node, subject: "\(vmid)", .resize(vmid, drive, size.bytes), lines: ["Image resized."], fault)
    }

    mutating func resize(_ vmid: Int, _ drive: String, _ size: Int64) -> String? {
        guard let value = machines[vmid]?.config[drive], let old = Self.size(of: value) else { return "no such disk" }
        guard size >= old else { return "shrinking disks is not supported" }
        let name = String(value.prefix { $0 != ":" })
        guard let store = stores[name], store.used.bytes + size - old <= store.total.bytes else { return "volume group has insufficient free space" }
        stores[name]?.used = ByteSize(bytes: store.used.bytes + size - old)
        machines[vmid]?.config[drive] = value.replacing("size=\(Self.sizeText(old))", with: "size=\(Self.sizeText(size))")
        return nil
    }
}

extension PVEModel.Machine {
    /// Whatever changes a machine is refused while other work holds it.
    func refuseIfLocked() throws(PVERefusal) {
        if let lock = config["lock"] { throw PVERefusal(status: 500, message: "VM is locked (\(lock))\n") }
    }
}

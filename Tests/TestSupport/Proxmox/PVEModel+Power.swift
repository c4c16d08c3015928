internal import ApplianceModel
internal import Basics
internal import SystemPackage

/// Starting and stopping, by hand and by the HA manager.
extension PVEModel {
    mutating func start(_ vmid: Int, _ hooks: PVEServer.Hooks) -> String? {
        guard let machine = machines[vmid], let node = nodes[machine.node] else { return "no such VM" }
        guard machine.state == nil else { return "VM \(vmid) already running" }
        machines[vmid]?.applyPending()
        let config = machines[vmid]?.config ?? [:]
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
        for (key, value) in config where Self.isDrive(key) && value.contains("media=cdrom") {
            let volume = String(value.prefix { $0 != "," })
            guard volume == "none" || files[self.key(volume, node: machine.node)] != nil else { return "volume '\(volume)' does not exist" }
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

    mutating func turnOff(_ vmid: Int, _ hooks: PVEServer.Hooks) {
        guard machines[vmid]?.state != nil else { return }
        try? hooks.onStop?(vmid)
        machines[vmid]?.state = nil
        machines[vmid]?.applyPending()
    }

    /// The server hands the wish on, and the manager gets to it later.
    mutating func ask(_ vmid: Int, _ state: String?, _ type: String, _ node: String) -> JSONValue {
        machines[vmid]?.requested = (state, state == nil ? 4 : 2)
        ha["vm:\(vmid)"] = state == nil ? "stopped" : "started"
        return begin(type, node: node, subject: "\(vmid)", .none, lines: ["Requesting HA \(state == nil ? "stop" : "start") for VM \(vmid)"], nil)
    }

    func managed(_ vmid: Int) -> JSONValue {
        guard let wish = ha["vm:\(vmid)"] else { return ["managed": JSONValue.integer(0)].json }
        let state = machines[vmid]?.requested.map { $0.state == nil ? "request_stop" : "request_start" } ?? wish
        return ["managed": .integer(1), "state": .string(state)].json
    }

    mutating func settle(_ vmid: Int, _ hooks: PVEServer.Hooks) {
        // What is to run and does not is started again, and what is not to run is ended.
        if machines[vmid]?.requested == nil, let wish = ha["vm:\(vmid)"], (wish == "started") != (machines[vmid]?.state != nil) {
            machines[vmid]?.requested = (wish == "started" ? "running" : nil, 2)
            return
        }
        guard let (state, looks) = machines[vmid]?.requested else { return }
        // The guest is down for a while before the manager says so.
        if state == nil, looks == 2 { turnOff(vmid, hooks) }
        guard looks == 0 else {
            machines[vmid]?.requested = (state, looks - 1)
            return
        }
        machines[vmid]?.requested = nil
        if state != nil { _ = start(vmid, hooks) }
    }
}

internal import ApplianceModel
internal import Basics

/// Changes of a configuration, as `update_vm_api` and `vmconfig_hotplug_pending` of qemu-server carry them out: a change is written down as
/// pending first, and takes effect at once, after an unplug, or with the next stop.
extension PVEModel {
    /// What takes effect in a running machine without its noticing.
    private static let fastOptions: Set<String> = ["description", "hookscript", "lock", "name", "onboot", "protection", "shares", "startup", "tags"]

    /// `config`: what is pending is shown as if it were in force; `config?current=1` shows what the machine has.
    static func config(_ machine: Machine, isCurrent: Bool) -> JSONValue {
        var config = machine.config
        if !isCurrent {
            config.merge(machine.pending) { $1 }
            for key in machine.pendingDeletions { config[key] = nil }
        }
        return shown(config)
    }

    /// `pending`
    static func pendingList(_ machine: Machine) -> JSONValue {
        let keys = Set(machine.config.keys).union(machine.pending.keys).subtracting(["digest"])
        return .array(
            keys.shuffled().map { key in
                var row: [String: JSONValue] = ["key": .string(key)]
                if let value = machine.config[key] { row["value"] = .string(value) }
                if let value = machine.pending[key] { row["pending"] = .string(value) }
                if machine.pendingDeletions.contains(key) { row["delete"] = .integer(1) }
                return row.json
            })
    }

    static func bootOrder(_ config: [String: String]) -> [String] {
        guard let boot = config["boot"], boot.hasPrefix("order=") else { return [] }
        return boot.dropFirst("order=".count).split(separator: ";").map(String.init)
    }

    private static func isMedium(_ value: String) -> Bool { parts(value).contains { $0.key == "media" && $0.value == "cdrom" } }

    static func isDrive(_ key: String) -> Bool { key.wholeMatch(of: /(?:virtio|scsi|sata|ide|efidisk)[0-9]+/) != nil }

    mutating func configure(_ request: PVERequest, _ vmid: Int, node: String) throws(PVERefusal) -> JSONValue {
        guard var machine = machines[vmid] else { return .null }
        try machine.refuseIfLocked()
        let deletions = (request.value("delete") ?? "").split(separator: ",").map(String.init)
        let additions = request.parameters.filter { $0.name != "delete" }
        for (name, _) in additions where deletions.contains(name) {
            throw PVERefusal(
                status: 400, message: "Parameter verification failed.", errors: ["delete": "you can't use '-\(name)' and -delete \(name)' at the same time"])
        }
        var order = Self.bootOrder(machine.config)
        var modified: Set<String> = []
        for key in deletions { try delete(key, vmid, &machine, &order, &modified) }
        // The keys come out of a hash of Perl.
        for (name, value) in additions.shuffled() { try add(name, value, vmid, &machine, &order, &modified, additions.map(\.name), node: node) }
        Self.forgetUnchanged(&machine)
        defer { machines[vmid] = machine }
        guard machine.state != nil else {
            machine.applyPending()
            return .null
        }
        let errors = hotplug(&machine, modified)
        guard errors.isEmpty else {
            machines[vmid] = machine
            throw PVERefusal(status: 400, message: "Parameter verification failed.", errors: errors.mapValues { "hotplug problem - \($0)\n" })
        }
        return .null
    }

    private func delete(
        _ key: String, _ vmid: Int, _ machine: inout Machine, _ order: inout [String], _ modified: inout Set<String>
    ) throws(PVERefusal) {
        guard let value = machine.config[key] ?? machine.pending[key] else { return }
        modified.insert(key)
        machine.pending[key] = nil
        if order.contains(key) {
            order.removeAll { $0 == key }
            machine.pending["boot"] = "order=" + order.joined(separator: ";")
            modified.insert("boot")
        }
        if Self.isDrive(key) {
            guard machine.config["protection"] != "1" else {
                throw PVERefusal(status: 500, message: "can't remove drive '\(key)' - protection mode enabled")
            }
            try demand("/vms/\(vmid)", Self.isMedium(value) ? "VM.Config.CDROM" : "VM.Config.Disk")
        } else {
            try demand("/vms/\(vmid)", Self.privilege(for: key))
        }
        machine.pendingDeletions.insert(key)
    }

    private func add(
        _ name: String, _ value: String, _ vmid: Int, _ machine: inout Machine, _ order: inout [String], _ modified: inout Set<String>, _ given: [String],
        node: String
    ) throws(PVERefusal) {
        modified.insert(name)
        guard machine.pending[name] != value else { return }
        if Self.isDrive(name) {
            for drive in [machine.config[name], value].compactMap(\.self) {
                try demand("/vms/\(vmid)", Self.isMedium(drive) ? "VM.Config.CDROM" : "VM.Config.Disk")
            }
            let volume = Self.parts(value).first { $0.key == nil || $0.key == "file" }?.value ?? ""
            if Self.isMedium(value) {
                guard volume == "none" || files[key(volume, node: node)] != nil else {
                    throw PVERefusal(status: 500, message: "volume '\(volume)' does not exist")
                }
                machine.pending[name] = volume == "none" ? value : "\(value),size=368K"
                // A medium that is new in its drive counts as one to boot from.
                if !order.isEmpty, !order.contains(name) {
                    order.append(name)
                    machine.pending["boot"] = "order=" + order.joined(separator: ";")
                    modified.insert("boot")
                }
            } else {
                machine.pending[name] = value
            }
        } else {
            try demand("/vms/\(vmid)", Self.privilege(for: name))
            if name == "startup" { try demand("/", "Sys.Modify") }
            if name == "boot" {
                for device in Self.bootOrder(["boot": value])
                where machine.config[device] == nil && machine.pending[device] == nil && !given.contains(device) {
                    throw PVERefusal(status: 500, message: "invalid bootorder: device '\(device)' does not exist'")
                }
            }
            machine.pending[name] = value
        }
        machine.pendingDeletions.remove(name)
    }

    private static func forgetUnchanged(_ machine: inout Machine) {
        machine.pending = machine.pending.filter { machine.config[$0.key] != $0.value }
        machine.pendingDeletions.formIntersection(machine.config.keys)
    }

    /// - Returns: what the running machine did not take, by key.
    private mutating func hotplug(_ machine: inout Machine, _ modified: Set<String>) -> [String: String] {
        var errors: [String: String] = [:]
        for (key, value) in machine.pending where Self.fastOptions.contains(key) {
            machine.config[key] = value
            machine.pending[key] = nil
        }
        for key in machine.pendingDeletions.sorted() where modified.contains(key) {
            if Self.fastOptions.contains(key) {
                machine.config[key] = nil
                machine.pendingDeletions.remove(key)
                continue
            }
            guard hotplugsDisks, key.hasPrefix("scsi") || key.hasPrefix("virtio") else { continue }
            if Self.bootOrder(machine.config).contains(key) {
                errors[key] = "can't unplug bootdisk '\(key)'"
            } else if busyUnplugs > 0 {
                busyUnplugs -= 1
                errors[key] = "error on hot-unplugging device 'virtioscsi\(key.drop { !$0.isNumber })' - still busy in guest?"
            } else {
                machine.config[key] = nil
                machine.pendingDeletions.remove(key)
            }
        }
        var isPlugged = false
        for (key, value) in machine.pending where modified.contains(key) {
            if Self.isDrive(key), let old = machine.config[key] {
                guard Self.isMedium(old) == Self.isMedium(value) else {
                    errors[key] = "unable to change media type"
                    continue
                }
                // The medium changes at once, whatever the guest does with the drive.
                guard Self.isMedium(value) else { continue }
            } else if key.hasPrefix("scsi"), hotplugsDisks {
                isPlugged = true
            } else if !key.hasPrefix("net") {
                continue
            }
            machine.config[key] = value
            machine.pending[key] = nil
        }
        // As it was seen with a drive that is plugged into a running machine.
        if isPlugged, let boot = machine.pending.removeValue(forKey: "boot") { machine.config["boot"] = boot }
        return errors
    }

    /// What changing a value needs.
    private static func privilege(for name: String) -> String {
        switch name {
        case "cores", "sockets", "cpu", "numa": "VM.Config.CPU"
        case "memory", "balloon": "VM.Config.Memory"
        case "kvm", "machine", "scsihw", "smbios1", "vga", "watchdog", "rng0", "hotplug": "VM.Config.HWType"
        case "boot": "VM.Config.Disk"
        case _ where name.hasPrefix("serial"): "VM.Config.HWType"
        case _ where name.hasPrefix("net"): "VM.Config.Network"
        default: "VM.Config.Options"
        }
    }
}

extension PVEModel.Machine {
    /// What was only written down takes effect.
    mutating func applyPending() {
        for key in pendingDeletions { config[key] = nil }
        config.merge(pending) { $1 }
        pending = [:]
        pendingDeletions = []
    }
}

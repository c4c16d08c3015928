internal import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import Quoting

/// Watching and temporarily attaching disks through the monitor. Each question is a separate conversation, so that others can use the monitor
/// in between.
extension QEMUBackend: DiskLending {
    package func diskNodes(of machine: MachineReference) async throws -> [DiskNode]? {
        let decision = try load(machine).spec.disk
        return try Self.nodes(
            try await monitor(of: machine).execute("query-named-block-nodes", ["flat": .bool(true)]), cacheDirect: decision.cacheDirect)
    }

    /// Reads the answer of `query-named-block-nodes`.
    static func nodes(_ answer: JSONValue, cacheDirect: Bool) throws -> [DiskNode] {
        guard let rows = answer.array else { throw incomplete("its block nodes") }
        return try rows.map { row in
            guard let name = row["node-name"]?.string, let driver = row["drv"]?.string, let isReadOnly = row["ro"]?.bool,
                let isDirect = row["cache"]?["direct"]?.bool, let dropsFlushes = row["cache"]?["no-flush"]?.bool
            else { throw incomplete("a block node") }
            return DiskNode(
                name: name, driver: driver, isDirect: isDirect, dropsFlushes: dropsFlushes, isWritable: !isReadOnly,
                decidedDirect: QEMUCommandLine.decidedNodes.contains(name) ? cacheDirect : nil)
        }
    }

    package func diskCounters(of machine: MachineReference, serial: String) async throws -> DiskCounters {
        let monitor = try await monitor(of: machine)
        guard let device = try await disk(serial, monitor) else {
            throw Failure(
                .machineFailed, "the machine of '\(machine.identifier)' has no disk with the serial '\(serial)'", remedy: "pgkvm restart \(machine.identifier)")
        }
        return try Self.counters(try await monitor.execute("query-blockstats"), device: device)
    }

    /// Reads the answer of `query-blockstats`.
    static func counters(_ answer: JSONValue, device: String) throws -> DiskCounters {
        let row = answer.array?.first { $0["qdev"]?.string.map { path in path == device || path.begins(with: "/machine/peripheral/\(device)/") } ?? false }
        guard let counts = row?["stats"], let reads = counts["rd_operations"]?.integer, let writes = counts["wr_operations"]?.integer,
            let flushes = counts["flush_operations"]?.integer
        else { throw incomplete("the counters of '\(device)'") }
        return DiskCounters(reads: Int(reads), writes: Int(writes), flushes: Int(flushes))
    }

    package func attachNullDisk(to machine: MachineReference, serial: String, latency: Duration) async throws {
        let name = try Self.lentName(serial)
        try await detachNullDisk(from: machine, serial: serial)
        let record = try load(machine)
        let monitor = try await monitor(of: machine)
        guard let port = try await freePort(monitor) else {
            throw Failure(
                .machineFailed, "every PCIe root port of '\(machine.identifier)' is taken: no disk can be lent to it",
                remedy: "wait until other measurements have ended, or pgkvm restart \(machine.identifier)")
        }
        try await monitor.execute(
            "blockdev-add",
            [
                "driver": .string("null-co"), "node-name": .string(name), "size": .integer(1 << 30), "read-zeroes": .bool(true),
                "latency-ns": .integer(Int64(saturating: latency / .nanoseconds(1))),
            ])
        var device: [String: JSONValue] = [
            "driver": .string("virtio-blk-pci"), "id": .string(name), "drive": .string(name), "serial": .string(serial), "bus": .string(port),
        ]
        // The I/O thread that handles the data disk's requests.
        if record.spec.disk.ioThread { device["iothread"] = .string("data-io") }
        do {
            try await monitor.execute("device_add", device)
        } catch {
            _ = try? await monitor.execute("blockdev-del", ["node-name": .string(name)])
            throw error
        }
    }

    package func detachNullDisk(from machine: MachineReference, serial: String) async throws {
        let name = try Self.lentName(serial)
        guard try await unplug(name, nodes: [name], from: directory(of: machine), within: .seconds(60)) else {
            throw Failure(
                .machineFailed, "the guest of '\(machine.identifier)' does not let go of the disk '\(serial)' that was lent to it",
                remedy: "pgkvm restart \(machine.identifier), at a time of your choice: the disk has no storage and does no harm")
        }
    }

    /// The id of the device and its node.
    private static func lentName(_ serial: String) throws -> String {
        let isPlain = serial.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        guard (1...20).contains(serial.utf8.count), isPlain else { throw Failure(.invalidInput, "'\(serial)' cannot be the serial of a disk") }
        return "lent-\(serial)"
    }

    private func monitor(of machine: MachineReference) async throws -> QMPClient {
        guard let monitor = try await QMPClient.connect(monitorSocket(directory(of: machine)), timeout: .seconds(60)) else {
            throw Failure(.machineFailed, "the machine of '\(machine.identifier)' does not run", remedy: "pgkvm start \(machine.identifier)")
        }
        return monitor
    }

    /// The id of the virtio disk with this serial.
    private func disk(_ serial: String, _ monitor: QMPClient) async throws -> String? {
        for device in try await monitor.execute("qom-list", ["path": .string("/machine/peripheral")]).array ?? [] {
            guard let name = device["name"]?.string, device["type"]?.string?.begins(with: "child<virtio-blk") == true else { continue }
            let path: JSONValue = .string("/machine/peripheral/\(name)")
            if try await monitor.execute("qom-get", ["path": path, "property": .string("serial")]).string == serial { return name }
        }
        return nil
    }

    /// A root port without a device. The object tree is queried because the result of `query-pci` depends on what the firmware has set up.
    private func freePort(_ monitor: QMPClient) async throws -> String? {
        for port in (0..<QEMUCommandLine.rootPorts).map({ "port\($0)" }) {
            let bus = try await monitor.execute("qom-list", ["path": .string("/machine/peripheral/\(port)/\(port)")]).array ?? []
            if !bus.contains(where: { $0["name"]?.string?.begins(with: "child[") == true }) { return port }
        }
        return nil
    }

    private static func incomplete(_ what: String) -> Failure { Failure(.machineFailed, "QEMU described \(what) in a way that is not understood") }
}

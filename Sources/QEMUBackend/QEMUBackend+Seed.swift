internal import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
package import SystemPackage

/// The NoCloud medium of the first boot.
extension QEMUBackend {
    package func attachSeed(_ medium: FilePath, to machine: MachineReference) async throws {
        let directory = try directory(of: machine)
        var record = try load(machine)
        let user = QEMUUser.of(record)
        try user.own(medium)
        try Files.rename(medium, to: directory.file(MachineDirectory.Name.seed))
        record.hasSeed = true
        try record.save(to: directory)
    }

    package func detachSeed(from machine: MachineReference) async throws { try await detachSeed(from: machine, within: .seconds(60)) }

    /// - Parameter limit: the time that a running guest has to release the disk.
    func detachSeed(from machine: MachineReference, within limit: Duration) async throws {
        let directory = try directory(of: machine)
        var record = try load(machine)
        if record.hasSeed {
            guard try await unplug("seed-disk", nodes: ["seed", "seed-file"], from: directory, within: limit) else {
                throw Failure(
                    .machineFailed, "the guest of '\(machine.identifier)' does not let go of its seed disk",
                    remedy: "pgkvm restart \(machine.identifier), then run the same command again")
            }
            record.hasSeed = false
            try record.save(to: directory)
        }
        try Files.remove(directory.file(MachineDirectory.Name.seed))
    }

    /// Asks the guest to release the device until it is gone, then removes its block nodes. Each question is a separate conversation, so that
    /// others can use the monitor in between.
    /// - Returns: false when the guest has not released the device within `limit`; true also when there was no device, or no QEMU.
    func unplug(_ device: String, nodes: [String], from directory: MachineDirectory, within limit: Duration) async throws -> Bool {
        let clock = ContinuousClock()
        var nextRequest = clock.now
        return try await WaitingTime.measure {
            try await poll(every: .milliseconds(250), until: clock.now + limit, on: clock) { () -> Bool? in
                guard let monitor = try await QMPClient.connect(monitorSocket(directory), timeout: .seconds(30)) else { return true }
                let devices = try await monitor.execute("qom-list", ["path": .string("/machine/peripheral")]).array ?? []
                guard devices.contains(where: { $0["name"]?.string == device }) else { return try await drop(nodes, monitor) }
                if clock.now >= nextRequest {
                    // QEMU refuses this while an earlier request is under way.
                    _ = try await accepted(monitor, "device_del", ["id": .string(device)])
                    nextRequest = clock.now + .seconds(10)
                }
                return nil
            }
        } ?? false
    }

    /// Nil while QEMU still holds one of them.
    private func drop(_ names: [String], _ monitor: QMPClient) async throws -> Bool? {
        let nodes = try await monitor.execute("query-named-block-nodes").array ?? []
        for name in names where nodes.contains(where: { $0["node-name"]?.string == name }) {
            guard try await accepted(monitor, "blockdev-del", ["node-name": .string(name)]) else { return nil }
        }
        return true
    }

    private func accepted(_ monitor: QMPClient, _ command: String, _ arguments: [String: JSONValue]) async throws -> Bool {
        do {
            try await monitor.execute(command, arguments)
            return true
        } catch let error as Failure where error.code == .monitorRefused {
            return false
        }
    }
}

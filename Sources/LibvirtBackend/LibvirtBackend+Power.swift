internal import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import Quoting

/// Starting, stopping and querying domains.
extension LibvirtBackend {
    package func powerState(of machine: MachineReference) async throws -> PowerState {
        guard let text = try await virsh.runIfFound(["domstate", domain(of: machine), "--reason"]) else { return .absent }
        return Self.powerState(text.split(at: "\n").first.map(String.init) ?? "", name: machine.identifier)
    }

    /// What each of libvirt's states means for the user.
    /// - Parameter text: such as `running (booted)`.
    static func powerState(_ text: String, name: String) -> PowerState {
        let state = text.prefix { $0 != "(" }.split(at: " ").joined(separator: " ")
        let reason = text.drop { $0 != "(" }.dropFirst().prefix { $0 != ")" }
        switch (state, reason) {
        case ("running", _), ("idle", _), ("in shutdown", _): return .running
        case ("shut off", _): return .off
        case ("paused", "I/O error"):
            return .paused(
                reason: "the host's disk is full or failed, and the guest waits so that nothing is lost",
                remedy: "free space in the storage pool, then 'pgkvm start \(name)'")
        case ("crashed", _), ("paused", "crashed"):
            return .paused(reason: "the guest's kernel panicked", remedy: "pgkvm logs \(name) --serial, then 'pgkvm restart --force \(name)'")
        default: return .paused(reason: "libvirt says '\(text)'", remedy: "pgkvm start \(name)")
        }
    }

    package func start(_ machine: MachineReference) async throws {
        let record = try load(machine)
        guard record.isComplete else { throw Failure(.machineFailed, "the machine of '\(machine.identifier)' is not complete") }
        switch try await powerState(of: machine) {
        case .running: return
        case .absent: throw try await domainGone(record)
        case .off, .unresponsive: try await launch(machine, record.spec.network)
        case .paused(let reason, let remedy):
            do {
                try await virsh.run(["resume", domain(of: machine)])
            } catch let error as Failure where error.code == .libvirtRefused {
                throw Failure(.machineFailed, "'\(machine.identifier)' cannot go on: \(reason)", remedy: remedy, cause: error)
            }
        }
    }

    private func launch(_ machine: MachineReference, _ network: NetworkDecision) async throws {
        if network.mode == .user {
            try Sockets.checkPromised(network.sshPort, for: "SSH")
            try Sockets.checkPromised(network.postgresqlPort, for: "PostgreSQL")
        }
        do {
            try await virsh.run(["start", domain(of: machine)])
        } catch let error as Failure where error.code == .libvirtRefused {
            // Another start may have been faster.
            if try await powerState(of: machine) == .running { return }
            throw Failure(.machineFailed, "libvirt cannot start '\(machine.identifier)': \(error.message)", remedy: remedy(for: error.message, network))
        }
    }

    private func remedy(for message: String, _ network: NetworkDecision) -> String? {
        let device = network.device ?? ""
        switch LibvirtReason(message) {
        // The volumes of a pool with its own file system are available only while the pool is active.
        case .storageFileMissing: return virsh.lines("pool-start \(choice.pool)", "pool-autostart \(choice.pool)")
        case .networkInactive: return virsh.lines("net-start \(device)", "net-autostart \(device)")
        case .bridge: return "ip link show dev \(device), on the host of the daemon"
        default: return nil
        }
    }

    package func shutDown(_ machine: MachineReference, grace: Duration) async throws {
        let state = try await powerState(of: machine)
        guard ![.off, .absent].contains(state) else { return }
        let button = PowerButton(name: machine.identifier, pause: .milliseconds(500)) {
            _ = try? await virsh.run(["shutdown", domain(of: machine), "--mode", "acpi"])
        }
        try button.check(state)
        try await button.press(for: grace) { try await [.off, .absent].contains(powerState(of: machine)) }
    }

    package func powerOff(_ machine: MachineReference) async throws {
        guard ![.off, .absent].contains(try await powerState(of: machine)) else { return }
        do {
            // virsh's word for cutting the power is "destroy".
            try await virsh.run(["destroy", domain(of: machine)])
        } catch let error as Failure where [.libvirtRefused, .libvirtNotFound].contains(error.code) {
            guard [.off, .absent].contains(try await powerState(of: machine)) else { throw error }
        }
    }
}

internal import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend
internal import Quoting
internal import SystemPackage

/// Machines that systemd starts with the host. The unit's file is the state: it exists or it does not.
extension QEMUBackend: AutostartProviding {
    package func autostart(of machine: MachineReference) async throws -> Autostart {
        if let obstacle = SystemdManager.obstacle { return .unavailable(reason: obstacle.reason, remedy: obstacle.remedy) }
        let unit = try bootUnit(of: machine)
        return try isOurs(unit) == true ? .on(unit: BootUnit.fileName(of: unit.name)) : .off
    }

    package func setAutostart(_ isOn: Bool, of machine: MachineReference) async throws {
        let unit = try bootUnit(of: machine)
        guard isOn else { return try await removeBootUnit(unit) }
        if let obstacle = SystemdManager.obstacle {
            throw Failure(.autostartUnavailable, "'\(unit.name)' cannot start with this host: \(obstacle.reason)", remedy: obstacle.remedy)
        }
        guard try isOurs(unit) != false else {
            throw Failure(
                .autostartTaken, "'\(unitFile(unit))' starts another '\(unit.name)', of another state directory",
                remedy: "'pgkvm autostart \(unit.name) off' there, or delete that appliance")
        }
        try Files.createDirectory(unitDirectory, mode: [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute])
        try Files.write(unit.text, to: unitFile(unit), mode: [.ownerReadWrite, .groupRead, .otherRead])
        let manager = SystemdManager(isRoot: HostEnvironment.isRoot)
        try await manager.control(["daemon-reload"])
        try await manager.control(["enable", BootUnit.fileName(of: unit.name)])
    }

    /// Removes an appliance's unit, but not a unit of another state directory.
    func removeBootUnit(_ unit: BootUnit) async throws {
        guard try isOurs(unit) == true else { return }
        let manager = SystemdManager(isRoot: HostEnvironment.isRoot)
        let file = BootUnit.fileName(of: unit.name)
        if SystemdManager.isAvailable {
            try await manager.control(["stop", file])
            try await manager.control(["disable", file])
        }
        // Where systemd does not run at the moment, the link still exists.
        try Files.remove(unitDirectory.appending("\(unit.target).wants").appending(file))
        try Files.remove(unitFile(unit))
        guard SystemdManager.isAvailable else { return }
        try await manager.control(["daemon-reload"])
        await forgetFailure(of: unit)
    }

    /// systemd reports an error for a unit that has not failed.
    private func forgetFailure(of unit: BootUnit) async {
        try? await SystemdManager(isRoot: HostEnvironment.isRoot).control(["reset-failed", BootUnit.fileName(of: unit.name)])
    }

    func bootUnit(of machine: MachineReference) throws -> BootUnit {
        guard let name = ApplianceName(machine.identifier) else {
            throw Failure(.machineNotFound, "'\(machine.identifier)' is no machine of this host")
        }
        return BootUnit(name: name, program: program, state: state.path, isRoot: HostEnvironment.isRoot)
    }

    private func unitFile(_ unit: BootUnit) -> FilePath { unitDirectory.appending(BootUnit.fileName(of: unit.name)) }

    /// Whether the unit's file belongs to this state directory; nil when there is none.
    private func isOurs(_ unit: BootUnit) throws -> Bool? {
        guard let bytes = try Files.readIfPresent(unitFile(unit)) else { return nil }
        let line = try unit.ownLine
        return String(decoding: bytes, as: UTF8.self).split(at: "\n").contains { $0 == line }
    }
}

extension QEMUBackend: HostStarting {
    package func hostStart(of machine: MachineReference) async throws -> HostStart? {
        guard let unit = try presentUnit(of: machine) else { return nil }
        let manager = SystemdManager(isRoot: HostEnvironment.isRoot)
        let file = BootUnit.fileName(of: unit.name)
        return BootUnit.start(try await manager.show(file, BootUnit.shownProperties), log: manager.journal(of: file))
    }

    package func cancelHostStart(of machine: MachineReference) async throws {
        guard let unit = try presentUnit(of: machine) else { return }
        try await SystemdManager(isRoot: HostEnvironment.isRoot).control(["stop", BootUnit.fileName(of: unit.name)])
        await forgetFailure(of: unit)
    }

    package func forgetFailedHostStart(of machine: MachineReference) async {
        guard let unit = try? presentUnit(of: machine) else { return }
        await forgetFailure(of: unit)
    }

    /// The machine's unit, where it exists and a systemd knows it.
    private func presentUnit(of machine: MachineReference) throws -> BootUnit? {
        guard SystemdManager.isAvailable else { return nil }
        let unit = try bootUnit(of: machine)
        return try isOurs(unit) == true ? unit : nil
    }
}

extension Failure.Code {
    /// The unit with this name belongs to another state directory.
    package static let autostartTaken = Failure.Code("autostart.taken")
}

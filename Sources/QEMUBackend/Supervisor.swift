internal import ApplianceModel
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SystemPackage

/// Keeps QEMU running after this program has ended: the one place that knows how.
protocol Supervisor: Sendable {
    /// Starts the command inside the machine's directory, with a umask of 077; its output goes to the process log.
    /// - Returns: a way to ask whether it has ended already, and how: such as `with status 1`.
    func start(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) async throws -> @Sendable () async -> String?
    /// Whether a command that was started, by this program or a former run of it, has not ended.
    func isActive(_ name: ApplianceName, in directory: MachineDirectory) async throws -> Bool
}

/// QEMU in a session of its own.
///
/// The lock on the process log is part of the open file that QEMU's keeper inherits as its standard error: it is held as long as the keeper
/// lives, whatever becomes of this program. A QEMU whose keeper was killed is known by its record.
struct SessionSupervisor: Supervisor {
    func start(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) async throws -> @Sendable () async -> String? {
        let log = try openLog(directory)
        defer { try? log.close() }
        guard flock(log.rawValue, LOCK_EX | LOCK_NB) == 0, try QEMUProcess.id(in: directory) == nil else {
            throw Failure(.machineFailed, "a QEMU process of '\(name)' is already there", remedy: "pgkvm status \(name)")
        }
        guard ftruncate(log.rawValue, 0) == 0 else {
            throw Failure(.fileUnwritable, "cannot empty QEMU's log of '\(name)'", cause: Errno(rawValue: errno))
        }
        let process = try DetachedProcess.spawn(["sh", "-c", #"umask 077 && exec "$@""#, "sh"] + command, in: directory.path, output: log)
        return { process.exitStatus().map { "with status \($0)" } }
    }

    func isActive(_ name: ApplianceName, in directory: MachineDirectory) async throws -> Bool {
        if try QEMUProcess.id(in: directory) != nil { return true }
        guard Files.exists(directory.record(MachineDirectory.Record.processLog)) else { return false }
        let log = try openLog(directory)
        defer { try? log.close() }
        return flock(log.rawValue, LOCK_SH | LOCK_NB) != 0
    }

    private func openLog(_ directory: MachineDirectory) throws -> FileDescriptor {
        let path = directory.record(MachineDirectory.Record.processLog)
        try Files.createDirectory(directory.records)
        do {
            return try FileDescriptor.open(
                path, .writeOnly, options: [.create, .append, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
        } catch {
            throw Failure(.fileUnwritable, "cannot open '\(path)'", cause: error)
        }
    }
}

/// QEMU as a transient unit in `pgkvm.slice`, where systemd runs: stopping the unit (or the host) shuts the guest down first.
struct SystemdSupervisor: Supervisor {
    let isRoot: Bool
    /// The path of this program, for the unit's stop command.
    let program: String
    let state: StateDirectory

    static func unitName(of name: ApplianceName) -> String { "pgkvm-\(name).service" }

    /// The arguments of systemd-run. Pure.
    /// - Throws: `unsupported` for a path of this program that cannot be written down.
    func arguments(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) throws -> [String] {
        manager.scope + [
            "--unit=\(Self.unitName(of: name))", "--slice=pgkvm.slice", "--description=PostgreSQL appliance \(name)", "--quiet", "--collect",
            "--setenv=PGKVM_HOME=\(state.path)", "--property=Type=exec", "--property=UMask=0077", "--property=WorkingDirectory=\(directory.path)",
            "--property=StandardOutput=truncate:\(directory.record(MachineDirectory.Record.processLog))",
            "--property=StandardError=inherit",
            // The guest's own shutdown decides; systemd never cuts its power.
            "--property=ExecStop=\(try stopProgram) stop \(name)", "--property=TimeoutStopSec=infinity",
            "--property=KillMode=none",
            "--property=Restart=no", "--property=LimitNOFILE=65536", "--",
        ] + command
    }

    func start(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) async throws -> @Sendable () async -> String? {
        try Files.createDirectory(directory.records)
        _ = try await ProgramRunner.check("systemd-run", arguments(command, for: name, in: directory), environment: manager.environment)
        return { (try? await isActive(name, in: directory)) == true ? nil : "(systemctl status \(Self.unitName(of: name)))" }
    }

    func isActive(_ name: ApplianceName, in directory: MachineDirectory) async throws -> Bool {
        let answer = try await ProgramRunner.run("systemctl", manager.scope + ["is-active", Self.unitName(of: name)], environment: manager.environment)
        return ["active", "activating", "deactivating", "reloading"].contains { answer.outputText.begins(with: "\($0)\n") }
    }

    private var stopProgram: UnitText {
        get throws { try BootUnit.naming(program) { try UnitText.program(program, inFile: false) } }
    }

    private var manager: SystemdManager { SystemdManager(isRoot: isRoot) }
}

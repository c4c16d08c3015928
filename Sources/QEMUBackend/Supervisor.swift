internal import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SystemPackage

/// Keeps QEMU running after this program has ended. Only this type knows how.
protocol Supervisor: Sendable {
    /// Starts the command inside the machine's directory, with a umask of 077; its output goes to the process log.
    /// - Returns: a function that reports whether the command has already ended, and how: such as `with status 1`.
    func start(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) async throws -> @Sendable () async -> String?
    /// The state of a command that was started by this program or an earlier run of it.
    func presence(_ name: ApplianceName, in directory: MachineDirectory) async throws -> Presence
}

/// What a supervisor knows about a machine's process.
enum Presence: Sendable, Equatable {
    case none
    /// It was started and has not ended. It reports a moment later which process is QEMU.
    case alive
    /// It has ended or is being ended. Until that is done, no other process can be started under its name.
    case ending
}

/// QEMU in its own session.
///
/// The lock on the process log belongs to the open file that QEMU's keeper inherits as its standard error: it is held for as long as the keeper
/// lives, whatever happens to this program. A QEMU whose keeper was killed is found by its record.
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

    func presence(_ name: ApplianceName, in directory: MachineDirectory) async throws -> Presence {
        if try QEMUProcess.id(in: directory) != nil { return .alive }
        guard Files.exists(directory.record(MachineDirectory.Record.processLog)) else { return .none }
        let log = try openLog(directory)
        defer { try? log.close() }
        return flock(log.rawValue, LOCK_SH | LOCK_NB) != 0 ? .alive : .none
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
    /// - Throws: `unsupported` for a path that cannot be written in a unit file.
    func arguments(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) throws -> [String] {
        manager.scope + [
            "--unit=\(Self.unitName(of: name))", "--slice=pgkvm.slice", "--description=PostgreSQL appliance \(name)", "--quiet", "--collect",
            "--property=Type=exec", "--property=UMask=0077", "--property=WorkingDirectory=/",
        ] + (try ordering(name, directory)).map { "--property=\($0)" } + [
            // The guest shuts down. Processes that do not end this way get SIGTERM, on which QEMU cuts the power in an orderly way.
            "--property=ExecStop=\(try stopCommand(name, directory))",
            "--property=TimeoutStopSec=\((MachineStop.grace + .seconds(30)).components.seconds)", "--property=KillMode=control-group",
            "--property=Restart=no", "--property=LimitNOFILE=65536", "--",
        ] + Self.logging(command, to: directory.record(MachineDirectory.Record.processLog))
    }

    /// systemd stops units in the reverse order of starting: while the guest shuts down it still has its network and its disks.
    private func ordering(_ name: ApplianceName, _ directory: MachineDirectory) throws -> [String] {
        let places = try BootUnit.places(of: directory).map { path in try BootUnit.naming(path) { try UnitText(word: path) }.text }
        // A user's manager does not know the units of the network. The unit that starts this one with the host is stopped before it, so that a start
        // under way does not mistake a shutdown for a failure.
        return (isRoot ? ["After=network.target"] : []) + ["Before=\(BootUnit.fileName(of: name))", "RequiresMountsFor=\(places.joined(separator: " "))"]
    }

    private func stopCommand(_ name: ApplianceName, _ directory: MachineDirectory) throws -> String {
        let stop = MachineStop(name: name, directory: directory)
        return try
            ([BootUnit.naming(program) { try UnitText.program(program, inFile: false) }.text]
            + stop.arguments.map { word in try BootUnit.naming(word) { try UnitText(word: word) }.text }).joined(separator: " ")
    }

    /// The unit's own output goes to the journal: systemd opens it again for the stop command, which would empty a file or find it gone.
    private static func logging(_ command: [String], to log: FilePath) -> [String] {
        ["/bin/sh", "-c", #": >"$0" && exec >>"$0" 2>&1 && exec "$@""#, log.string] + command
    }

    func start(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) async throws -> @Sendable () async -> String? {
        try Files.createDirectory(directory.records)
        _ = try await ProgramRunner.check("systemd-run", arguments(command, for: name, in: directory), environment: manager.environment)
        return { (try? await presence(name, in: directory)) == .alive ? nil : "(\(manager.journal(of: Self.unitName(of: name))))" }
    }

    func presence(_ name: ApplianceName, in directory: MachineDirectory) async throws -> Presence {
        let answer = try await ProgramRunner.run("systemctl", manager.scope + ["is-active", Self.unitName(of: name)], environment: manager.environment)
        switch answer.outputText.split(at: "\n").first {
        case "active", "activating", "reloading": return .alive
        case "deactivating": return .ending
        default: return .none
        }
    }

    private var manager: SystemdManager { SystemdManager(isRoot: isRoot) }
}

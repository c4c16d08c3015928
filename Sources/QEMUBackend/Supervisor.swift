internal import ApplianceModel
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// Keeps QEMU running after this program has ended: the one place that knows how.
protocol Supervisor: Sendable {
    /// Starts the command inside the machine's directory; its output goes to the process log.
    /// - Returns: a way to ask whether it has ended already, with its exit status.
    func start(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) async throws -> @Sendable () async -> Int32?
}

/// QEMU in a session of its own.
///
/// The lock on the process log is part of the open file that QEMU inherits as its standard error: it is held exactly as long as
/// QEMU lives, whatever becomes of this program.
struct SessionSupervisor: Supervisor {
    func start(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) async throws -> @Sendable () async -> Int32? {
        let path = directory.file(MachineDirectory.Name.processLog)
        let log = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .append, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
        defer { try? log.close() }
        guard flock(log.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            throw Failure(.machineFailed, "a QEMU process of '\(name)' is already there", remedy: "pgkvm status \(name)")
        }
        _ = ftruncate(log.rawValue, 0)
        let process = try DetachedProcess.spawn(command, in: directory.path, output: log)
        return { process.exitStatus() }
    }
}

/// QEMU as a transient unit in `pgkvm.slice`, where systemd runs: stopping the unit (or the host) shuts the guest down first.
struct SystemdSupervisor: Supervisor {
    let isRoot: Bool
    /// The path of this program, for the unit's stop command.
    let program: String
    let state: StateDirectory

    static var isAvailable: Bool { Files.isDirectory("/run/systemd/system") }

    static func unitName(of name: ApplianceName) -> String { "pgkvm-\(name).service" }

    /// The arguments of systemd-run. Pure.
    func arguments(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) -> [String] {
        (isRoot ? [] : ["--user"]) + [
            "--unit=\(Self.unitName(of: name))", "--slice=pgkvm.slice", "--description=PostgreSQL appliance \(name)", "--quiet", "--collect",
            "--setenv=PGKVM_HOME=\(state.path)", "--property=Type=exec", "--property=UMask=0077", "--property=WorkingDirectory=\(directory.path)",
            "--property=StandardOutput=append:\(directory.file(MachineDirectory.Name.processLog))",
            "--property=StandardError=append:\(directory.file(MachineDirectory.Name.processLog))",
            // The guest's own shutdown decides; systemd never cuts its power.
            "--property=ExecStop=\(program) stop \(name)", "--property=TimeoutStopSec=infinity", "--property=KillMode=none",
            "--property=Restart=no", "--property=LimitNOFILE=65536", "--",
        ] + command
    }

    func start(_ command: [String], for name: ApplianceName, in directory: MachineDirectory) async throws -> @Sendable () async -> Int32? {
        let executable = try ProgramRunner.find(command.first ?? "").string
        _ = try await ProgramRunner.check("systemd-run", arguments([executable] + command.dropFirst(), for: name, in: directory))
        let scope = isRoot ? [] : ["--user"]
        let unit = Self.unitName(of: name)
        return {
            let state = try? await ProgramRunner.run("systemctl", scope + ["is-active", unit])
            return state?.status == 0 ? nil : 1
        }
    }
}

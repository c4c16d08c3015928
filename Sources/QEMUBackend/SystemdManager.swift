internal import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// The systemd that supervises what this user starts: the system's for root, otherwise the user's own.
struct SystemdManager: Sendable {
    let isRoot: Bool
    /// The program through which systemd runs a command.
    var starter = "systemd-run"

    /// Whether systemd supervises what this user starts.
    ///
    /// An ordinary user's manager ends when the user logs out, and takes the guests with it, unless the user lingers.
    static var isAvailable: Bool { obstacle == nil }

    /// Why systemd does not, and what helps; nil when it does.
    static var obstacle: (reason: String, remedy: String)? {
        guard Files.isDirectory("/run/systemd/system") else {
            return ("systemd does not run this host", "start appliances from what does: its boot script can call 'pgkvm start NAME'")
        }
        guard !HostEnvironment.isRoot else { return nil }
        guard HostEnvironment.lingers, Files.exists(FilePath("/run/user/\(geteuid())/systemd/private")) else {
            return ("this user's services end when the user logs out", "sudo loginctl enable-linger \(HostEnvironment.userName ?? "\(geteuid())")")
        }
        return nil
    }

    /// Arguments that every call starts with.
    var scope: [String] { isRoot ? [] : ["--user"] }

    /// The command that shows a unit's output, also of a unit that systemd has forgotten.
    func journal(of unit: String) -> String { (["journalctl"] + scope + ["-u", unit]).joined(separator: " ") }

    /// A shell without a login session (su, cron) does not know where the user's manager listens.
    var environment: [String: String] { isRoot ? [:] : ["XDG_RUNTIME_DIR": "/run/user/\(geteuid())"] }

    /// The properties that systemctl shows for a unit, by name.
    /// - Throws: `program.missing`, `program.failed`.
    func show(_ unit: String, _ properties: [String]) async throws -> [String: String] {
        let result = try await ProgramRunner.check(
            "systemctl", scope + ["show", "--property=\(properties.joined(separator: ","))", unit], environment: environment)
        let lines = result.outputText.split(at: "\n").compactMap { line -> (String, String)? in
            guard let sign = line.unicodeScalars.firstIndex(of: "=") else { return nil }
            return (String(line[..<sign]), String(line[line.unicodeScalars.index(after: sign)...]))
        }
        return Dictionary(lines, uniquingKeysWith: { first, _ in first })
    }

    /// Whether the processes that it runs may read and write a file. They have the groups that the manager was started with, which may differ from
    /// those of this process.
    /// - Throws: `program.failed` when it cannot run anything.
    func mayUse(_ path: FilePath) async throws -> Bool {
        let refused: Int32 = 77
        let command = ["/bin/sh", "-c", #"test -r "$0" && test -w "$0" || exit \#(refused)"#, path.string]
        let result = try await ProgramRunner.run(
            "timeout", ["60", starter] + scope + ["--quiet", "--collect", "--wait", "--pipe", "--"] + command, environment: environment)
        guard result.status == 0 || result.status == refused else {
            throw Failure(
                .programFailed, "this user's service manager runs nothing (status \(result.status)): \(result.errorText)",
                remedy: (["systemctl"] + scope + ["status"]).joined(separator: " "))
        }
        return result.status == 0
    }

    /// Runs systemctl.
    /// - Throws: `program.failed` with systemctl's last words.
    func control(_ arguments: [String]) async throws { _ = try await ProgramRunner.check("systemctl", scope + arguments, environment: environment) }
}

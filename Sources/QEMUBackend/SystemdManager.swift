internal import Glibc
internal import HostSystem
internal import SystemPackage

/// The systemd that keeps what this user starts: the system's for root, else the user's own.
struct SystemdManager: Sendable {
    let isRoot: Bool

    /// Whether systemd keeps what this user starts.
    ///
    /// An ordinary user's manager ends when the user logs out, and the guests with it, unless the user lingers.
    static var isAvailable: Bool { obstacle == nil }

    /// Why it does not, and what helps; nil when it does.
    static var obstacle: (reason: String, remedy: String)? {
        guard Files.isDirectory("/run/systemd/system") else {
            return ("systemd does not run this host", "start appliances from what does: its boot script can call 'pgkvm start NAME'")
        }
        guard !HostEnvironment.isRoot else { return nil }
        guard let name = QEMUUser.callerName, Files.exists(FilePath("/var/lib/systemd/linger").appending(name)),
            Files.exists(FilePath("/run/user/\(geteuid())/systemd/private"))
        else { return ("this user's services end when the user logs out", "loginctl enable-linger, then log in anew") }
        return nil
    }

    /// Arguments that every call starts with.
    var scope: [String] { isRoot ? [] : ["--user"] }

    /// A shell without a login session (su, cron) does not say where the user's manager listens.
    var environment: [String: String] { isRoot ? [:] : ["XDG_RUNTIME_DIR": "/run/user/\(geteuid())"] }

    /// Runs systemctl.
    /// - Throws: `program.failed` with its last words.
    func control(_ arguments: [String]) async throws { _ = try await ProgramRunner.check("systemctl", scope + arguments, environment: environment) }
}

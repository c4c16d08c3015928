internal import ApplianceModel
package import Basics
internal import BuiltinTemplates
internal import PostgresServer
internal import SecureShell

/// Puts a configuration in force in the guest. Afterwards either all of it is in force or the former one is.
enum ServerChange {
    /// The exit statuses of the guest's script if it took the change back itself, and if that failed too (begin-change.sh).
    private static let takenBack: Int32 = 8
    private static let notTakenBack: Int32 = 9
    /// Longer than the server may take to start twice.
    private static let limit = Duration.seconds(900)

    /// Writes the files, and starts or reloads the server.
    /// - Parameters:
    ///   - isFirst: whether there is no former configuration to return to.
    ///   - restarts: whether the server must be restarted because a reload is not enough.
    /// - Throws: `server.not-started` with the server's own reason: the former configuration runs again if there was one; the errors of `run`.
    static func apply(_ plan: ServerPlan, certificate: ServerCertificate, isFirst: Bool, restarts: Bool, on shell: some RemoteShell) async throws {
        let (version, action) = ("\(plan.version)", restarts ? "restart" : "reload")
        let filter = plan.content.filtersPackets ? GuestScript.filterPackets.text() : ""
        let begin = isFirst ? "" : GuestScript.takeBack.text() + GuestScript.beginChange.text(version, action)
        let script =
            GuestScript.startCluster.text() + begin + GuestScript.registerCluster.text(version)
            + GuestFiles.script(plan.files + plan.files(of: certificate)) + filter + GuestScript.settleClock.text()
            + GuestScript.startCluster.text(version, action)
        let result = try await shell.run("sudo -n sh -eu", input: Array(whole(script).utf8), timeout: limit)
        guard result.status != 0 else { return }
        let reason = Self.reason(result)
        switch result.status {
        case takenBack:
            throw Failure(.serverNotStarted, "PostgreSQL does not come up with the new configuration, and runs with the former one again: \(reason)")
        case notTakenBack:
            throw Failure(
                .serverDown, "PostgreSQL does not come up with the new configuration, nor with the former one: \(reason)", remedy: "pgkvm logs; pgkvm diagnose")
        default:
            throw Failure(.serverNotStarted, "PostgreSQL does not come up: \(reason)", remedy: "pgkvm logs")
        }
    }

    /// Puts the former configuration in force again after a change that was applied.
    /// - Throws: `server.down` with the reason, and the errors of `run`.
    static func takeBack(version: Int, restarts: Bool, on shell: some RemoteShell) async throws {
        let script = GuestScript.startCluster.text() + GuestScript.takeBack.text("\(version)", restarts ? "restart" : "reload")
        let result = try await shell.run("sudo -n sh -eu", input: Array(whole(script).utf8), timeout: limit)
        guard result.status == 0 else {
            throw Failure(.serverDown, "the former configuration cannot be put in force again: \(reason(result))", remedy: "pgkvm logs; pgkvm diagnose")
        }
    }

    /// Deletes the former configuration, because the change is complete.
    static func settle(on shell: some RemoteShell) async throws { try await shell.check("sudo -n rm -rf /var/lib/pgkvm/former") }

    /// Wraps the script in a function, so that the shell reads all of it before it begins, and makes it ignore a broken connection. So the script
    /// leaves nothing half done.
    private static func whole(_ script: String) -> String {
        """
        change() {
        trap '' HUP INT TERM PIPE
        exec 7>&2 >/run/pgkvm-change.log 2>&1
        set +e
        (
        set -eu
        \(script)
        )
        status=$?
        cat /run/pgkvm-change.log >&7
        rm -f /run/pgkvm-change.log
        exit $status
        }
        change

        """
    }

    /// The server's first lines that give a reason, without pgkvm's own lines.
    static func reason(_ result: ShellResult) -> String {
        let lines = result.errorText.split(whereSeparator: \.isNewline).map(String.init)
        guard let start = lines.firstIndex(where: { $0 == "PostgreSQL did not come up" }) else { return lines.suffix(6).joined(separator: "\n    ") }
        let words = lines[(start + 1)...].prefix { !$0.utf8.starts(with: "pgkvm: ".utf8) && $0 != "PostgreSQL did not come up" && $0 != "--" }
        return words.prefix(6).joined(separator: "\n    ")
    }
}

extension Failure.Code {
    /// The server did not start with a configuration.
    package static let serverNotStarted = Failure.Code("server.not-started")
    /// The server is down, and restoring the former configuration did not help.
    package static let serverDown = Failure.Code("server.down")
}

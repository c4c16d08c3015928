internal import ApplianceModel
internal import HostSystem
internal import SecureShell
internal import Workflow

extension DeploymentContext {
    /// Runs a script as a unit of the guest and waits for its end, over new connections when one is lost.
    ///
    /// A step gets here because its content is not there: a unit that has succeeded before is run again. One that still
    /// runs is waited for.
    func runUnit(purpose: String, script: String, timeout: Duration = .seconds(7200)) async throws {
        let unit = RemoteUnit(purpose: purpose, script: script)
        try await WaitingTime.measure {
            if try await unit.state(on: guest) == .succeeded { try await unit.forget(on: guest) }
            try await unit.runToEnd(timeout: timeout, connect: { try await liveAgain() }, progress: { StepProgress.report("guest: \($0)") })
        }
    }

    /// The session, with a connection that works now.
    private func liveAgain() async throws -> any RemoteShell {
        var wait = GuestWait(context: self, machine: try await machine())
        try await wait.forSSH()
        return guest
    }

    /// Runs a shell script as root in the guest; the script travels on standard input.
    @discardableResult
    func runAsRoot(_ script: String, timeout: Duration = .seconds(300)) async throws -> ShellResult {
        try await guest.check("sudo -n sh -eu", input: Array(script.utf8), timeout: timeout)
    }
}

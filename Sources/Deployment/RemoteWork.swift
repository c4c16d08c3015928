internal import ApplianceModel
internal import HostSystem
internal import SecureShell
internal import Synchronization
internal import Workflow

extension DeploymentContext {
    /// Runs a script as a unit of the guest and waits for its end. If a connection is lost, it opens a new one.
    ///
    /// A step calls this because its content is missing. So a unit that has succeeded before is run again, except one to which this run gave a head
    /// start. A unit that still runs is waited for.
    func runUnit(_ unit: RemoteUnit, timeout: Duration = .seconds(7200)) async throws {
        try await WaitingTime.measure {
            if !headStarts.end(unit), try await unit.state(on: guest) == .succeeded { try await unit.forget(on: guest) }
            try await unit.runToEnd(timeout: timeout, connect: { try await liveAgain() }, progress: { StepProgress.report("guest: \($0)") })
        }
    }

    /// Starts a unit that a later step will run, so that the guest works on it meanwhile. That step handles the result: it finds the unit by its
    /// name, and starts it again if it failed. A unit that an earlier run started continues. One that has succeeded since the guest booted is done:
    /// its name identifies its content, and nothing else works on the guest before its first boot is over.
    func giveHeadStart(_ unit: RemoteUnit) async throws {
        try await WaitingTime.measure { try await unit.start(on: guest) }
        headStarts.begin(unit)
    }

    /// The session, with a working connection.
    private func liveAgain() async throws -> any RemoteShell {
        let wait = GuestWait(context: self, machine: try await machine())
        try await wait.forSSH()
        return guest
    }

    /// Runs a shell script as root in the guest; the script is passed on standard input.
    @discardableResult
    func runAsRoot(_ script: String, timeout: Duration = .seconds(300)) async throws -> ShellResult {
        try await guest.check("sudo -n sh -eu", input: Array(script.utf8), timeout: timeout)
    }
}

/// The units that this run has started before the steps that run them.
package final class HeadStarts: Sendable {
    private let names = Mutex<Set<String>>([])

    func begin(_ unit: RemoteUnit) { names.withLock { _ = $0.insert(unit.name) } }

    /// - Returns: whether the unit had a head start; from now on it has none.
    func end(_ unit: RemoteUnit) -> Bool { names.withLock { $0.remove(unit.name) != nil } }
}

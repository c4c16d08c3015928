internal import ApplianceModel
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SecureShell
internal import SystemPackage
package import Workflow

/// Evidence of a failure, saved before anything is undone: the console, QEMU's messages, and the guest's logs while it answers.
package enum Evidence {
    /// Guest logs that do not hold pgkvm's secrets: user-data is wiped, and passwords never reach the guest.
    private static let guestLogs: ShellCommand =
        "sudo -n sh -c 'tail -n 200 /var/log/cloud-init.log /var/log/postgresql/*.log 2>/dev/null; journalctl -b -n 300 --no-pager 2>/dev/null'"

    package static func collect(_ context: DeploymentContext, step: StepID, error: any Error) async {
        let stamp = Date.now.ISO8601Format().replacing(":", by: "")
        let directory = context.directory.evidence.appending("\(stamp)-\(step)")
        do {
            try Files.createDirectory(directory)
            try Files.write(FailureText.render(error) + "\n", to: directory.appending("error.txt"))
            guard let machine = try await context.journal.fact(MachineFact.self)?.reference else { return }
            if let log = context.backend.capabilities.serialLog?.serialLog(of: machine) { try copyTail(log, to: directory) }
            if let log = context.backend.capabilities.process?.processLog(of: machine) { try copyTail(log, to: directory) }
            if case .running = try await context.backend.powerState(of: machine), try await context.journal.fact(FirstBootFact.self) != nil {
                let logs = try await context.guest.run(guestLogs, input: [], timeout: .seconds(30))
                try Files.write(logs.standardOutput, to: directory.appending("guest.log"))
            }
        } catch {
            // The user has to see the failure itself. Evidence is saved as far as possible.
            StepProgress.report("some evidence could not be saved: \(error)")
        }
    }

    private static func copyTail(_ file: FilePath, to directory: FilePath) throws {
        guard let name = file.lastComponent, let bytes = try Files.readEnd(file, bytes: 256 << 10) else { return }
        try Files.write(bytes, to: directory.appending(name))
    }
}

internal import ApplianceModel
internal import Basics
internal import HostSystem
package import SecureShell

/// pgkvm's directory beside the cluster, on the data disk's file system, for files to measure with.
package struct GuestProbeDirectory {
    package static let mount = "/var/lib/postgresql"
    package static let path = "\(mount)/.pgkvm-probe"
    package static let file = "\(path)/file"
    /// The space to leave free on the file system: a measurement must not fill a database's disk.
    package static let spare: Int64 = 256 << 20

    package let shell: any RemoteShell

    /// Removes what a killed run left, creates the directory, runs `body`, and removes the directory in any case.
    /// - Throws: `NotMeasured` if the guest has no space or no fio.
    package static func with<Value>(_ shell: any RemoteShell, _ body: (GuestProbeDirectory) async throws -> Value) async throws -> Value {
        let result = try await shell.run(
            "sudo -n sh -euc \(preparation) sh \(mount) \(path) \(FioJob.fileSize + spare)", input: [], timeout: .seconds(60))
        switch result.status {
        case 0: break
        case 10: throw NotMeasured(reason: "the data disk is not mounted in the guest", remedy: "see postgresql.data-directory")
        case 11:
            throw NotMeasured(
                reason: "fewer than \((FioJob.fileSize + spare) >> 20) MiB are free on the data disk", remedy: "free space on the data disk, then verify again")
        case 12: throw NotMeasured(reason: "fio is not installed in the guest", remedy: "apt-get install fio in the guest")
        default: throw Failure(.sshCommandFailed, "the guest cannot make '\(path)': \(result.errorText)")
        }
        let directory = GuestProbeDirectory(shell: shell)
        do {
            let value = try await body(directory)
            try await withoutCancellation { try await directory.remove() }
            return value
        } catch {
            // The next run removes what remains.
            try? await withoutCancellation { try await directory.remove() }
            throw error
        }
    }

    private static let preparation = """
        mountpoint -q "$1" || exit 10
        rm -rf -- "$2"
        free=$(df --output=avail -B1 "$1" | tail -n 1)
        [ "$free" -ge "$3" ] || exit 11
        command -v fio >/dev/null || exit 12
        mkdir -m 700 -- "$2"
        """

    private func remove() async throws { try await shell.check("sudo -n rm -rf -- \(Self.path)", timeout: .seconds(60)) }

    /// Runs fio as root in the guest; it ends at its limit even if this program is gone.
    package func run(_ job: FioJob) async throws -> FioOutput { try await GuestFio.run(job, shell) }

    /// Fills the file that the jobs work on.
    package func fill() async throws { _ = try await run(.fill(Self.file)) }
}

/// fio in the guest.
package enum GuestFio {
    package static func run(_ job: FioJob, _ shell: any RemoteShell) async throws -> FioOutput {
        let seconds = job.limit.components.seconds
        let result = try await shell.check(
            "sudo -n timeout -k 5 \(seconds) fio \(list: job.arguments)", timeout: job.limit + .seconds(30))
        return try FioOutput(result.standardOutput)
    }
}
